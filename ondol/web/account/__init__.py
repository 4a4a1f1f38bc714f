"""One's own account: name, language, rules, API tokens."""
