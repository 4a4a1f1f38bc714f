"""Administration: the first page, what there is to do and to know today."""
