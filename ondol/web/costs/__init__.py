"""What machines cost: one's own, everybody's, and one person's."""
