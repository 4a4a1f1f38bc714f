"""The connection to PostgreSQL: the address of one host or several, and connections that do not wait for ever."""
