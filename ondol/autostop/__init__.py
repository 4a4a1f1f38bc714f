"""When a machine stops: what its processor did, when the stop will come, who is warned, and how it is put off."""
