"""Checks whether all that machines need is there: run by `ondol doctor` and the worker, shown to administrators."""
