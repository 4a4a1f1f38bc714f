"""Administration: the default rules, and those of single people."""
