"""Administration: the latest actions."""
