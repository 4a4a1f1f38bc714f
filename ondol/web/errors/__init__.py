"""Designed pages for errors."""
