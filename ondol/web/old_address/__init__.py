"""The link in the e-mail to an old address."""
