"""Administration: which rules hold, for everybody and for single people."""
