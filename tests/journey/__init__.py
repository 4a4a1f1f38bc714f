"""The whole product: real processes, real SSH, a real browser. Slow, and last."""
