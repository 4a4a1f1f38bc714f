"""The command palette: people and machines by name, for administrators."""
