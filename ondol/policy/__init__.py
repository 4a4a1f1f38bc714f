"""What administrators allow: for everybody, and for single people."""
