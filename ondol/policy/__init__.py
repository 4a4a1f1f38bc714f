"""What administrators allow: the default rules, and the rules of single people."""
