"""Auto-stop: what a machine's processor did, when it will stop, who is warned, and how the stop is put off."""
