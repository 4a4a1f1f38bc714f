"""E-mails on their way: does the mail server answer, what waits, and what could not be delivered? Reaches no cloud."""
