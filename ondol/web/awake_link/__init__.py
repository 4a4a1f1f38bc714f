"""The link in a letter about a stop."""
