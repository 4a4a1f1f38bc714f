"""The link in an e-mail about a stop."""
