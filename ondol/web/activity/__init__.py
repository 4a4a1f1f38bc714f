"""Administration: who did what lately."""
