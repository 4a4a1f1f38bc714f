"""A short text of the administrators on every page, until a time."""
