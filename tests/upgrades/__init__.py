"""Rolling upgrades from a version of the past, with real processes of both."""
