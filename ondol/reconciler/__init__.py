"""The only code that calls AWS for machines: it observes them, decides what to do next, and does it."""
