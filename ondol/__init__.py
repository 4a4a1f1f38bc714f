"""Ondol: a personal Ubuntu machine on Amazon EC2, warm while somebody works, cold when nobody does."""

__version__ = "0.2.0"
