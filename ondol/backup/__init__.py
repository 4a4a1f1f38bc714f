"""Backups: one file with the database and what a restore has to know about it. Reaches no cloud, needs no Django."""
