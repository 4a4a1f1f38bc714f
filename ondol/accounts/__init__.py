"""Who may come in: people, their approval, their API tokens."""
