"""Designed pages for what went wrong."""
