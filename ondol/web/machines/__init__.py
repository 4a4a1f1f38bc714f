"""Administration: all machines at a glance."""
