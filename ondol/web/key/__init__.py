"""Which key the reader's next machine gets."""
