"""The announcement on every page, and the page where administrators write it."""
