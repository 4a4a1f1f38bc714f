"""Outgoing e-mails: does the mail server answer, what waits, and what could not be delivered? No calls to AWS here."""
