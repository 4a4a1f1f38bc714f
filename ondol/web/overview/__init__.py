"""Administration: the first page, with what there is to do and to know today."""
