"""A small AWS on loopback, for trials and tests: moto, plus what moto lacks. Knows nothing of ondol."""
