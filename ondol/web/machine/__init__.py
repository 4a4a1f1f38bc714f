"""The dashboard: one's own machine, and what one may ask of it."""
