"""Rows in PostgreSQL or SQLite."""
