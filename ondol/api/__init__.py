"""JSON under /api/."""
