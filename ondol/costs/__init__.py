"""What machines cost, per person and month."""
