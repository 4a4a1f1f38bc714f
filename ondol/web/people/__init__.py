"""Administration: the list of people, and decisions about those who wait."""
