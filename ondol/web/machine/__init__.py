"""The dashboard: your own machine, and what you may do with it."""
