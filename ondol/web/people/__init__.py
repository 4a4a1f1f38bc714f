"""Administration: the list of people, and decisions about pending requests."""
