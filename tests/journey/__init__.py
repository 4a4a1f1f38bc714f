"""The whole job: real processes, real SSH, a real browser. Slow, and last."""
