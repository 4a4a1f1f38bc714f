"""A small AWS on loopback, for trials and tests: moto, plus what moto lacks. It does not depend on ondol."""

__version__ = "0.1.0"
