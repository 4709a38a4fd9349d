"""Channels files shipped with the program, as the package ``pipeline.channels``."""
