"""The history of a machine, run by run."""
