"""Bugs that somebody might seed, each put into a copy of the checkout, where the tests must fail."""
