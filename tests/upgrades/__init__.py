"""Rolling upgrades from an earlier version, with real processes of both."""
