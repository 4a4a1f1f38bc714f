"""The page for people who are not approved: they wait, or were rejected or suspended."""
