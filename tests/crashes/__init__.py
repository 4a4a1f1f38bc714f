"""Workers are killed at every call to AWS and at every commit; whatever happens, there is one machine, and its key.

`python -m tests.crashes` is the whole sweep, `test_sweep.py` a sample of it; `docs/reliability.md` says what it tells.
"""
