"""Measurements anyone can repeat: `make bench`, or `python -m bench NAME…`. Numbers of one run: docs/benchmarks.md."""
