"""Your own account: name, language, rules, API tokens."""
