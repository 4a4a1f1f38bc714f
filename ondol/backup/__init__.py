"""Backups: one file with the database and what a restore has to know about it. They need neither AWS nor Django."""
