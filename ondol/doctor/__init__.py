"""Is everything there that machines need? Asked by `ondol doctor` and by the worker, and shown to administrators."""
