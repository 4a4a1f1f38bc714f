"""E-mails, and mail servers that refuse, delay, hang and lie."""
