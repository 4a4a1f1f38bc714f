"""One person, one machine: its state, its key, and what brings it from a wish to AWS."""
