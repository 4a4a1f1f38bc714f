"""What machines cost: your own, everybody's, and one person's."""
