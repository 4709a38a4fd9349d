"""Patterns over time: one a file, all of them listed in ``patterns``."""
