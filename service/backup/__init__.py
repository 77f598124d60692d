"""Backups: one format for both databases, a SQLite file of our own schema with a manifest beside it."""
