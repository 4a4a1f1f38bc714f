"""The way to PostgreSQL: the address of one host or several, and a connection that does not wait for ever."""
