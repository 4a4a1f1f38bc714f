"""Administration: one person, their machine, and what may be done about both."""
