"""A small AWS on loopback, for trials and tests: moto, plus what moto lacks. Knows nothing of ondol."""

__version__ = "0.1.0"
