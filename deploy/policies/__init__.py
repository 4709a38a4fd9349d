"""Policies shipped with the program, as the package ``pipeline.policies``."""
