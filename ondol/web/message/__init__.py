"""Administration: an e-mail to selected people."""
