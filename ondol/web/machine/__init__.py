"""The dashboard: your own machine, and what you may ask of it."""
