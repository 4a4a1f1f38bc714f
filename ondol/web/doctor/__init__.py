"""Administration: the last check-up, and what AWS holds without need."""
