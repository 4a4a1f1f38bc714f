"""All that may call AWS for machines: what is there, what to do next, and doing it."""
