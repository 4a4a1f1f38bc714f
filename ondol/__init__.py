"""Ondol: a personal Ubuntu machine on Amazon EC2, which runs while somebody works and stops when it idles."""

__version__ = "0.2.0"
