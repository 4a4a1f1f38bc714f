"""Administration: the last check-up, and what AWS holds that nobody needs."""
