"""Invitations: a list of people with a preview, and the page behind the link in the e-mail."""
