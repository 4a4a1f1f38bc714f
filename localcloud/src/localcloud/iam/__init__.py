"""Who may do what: identity policies with their conditions, judged for each request."""
