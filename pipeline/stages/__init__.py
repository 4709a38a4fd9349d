"""Stages: the pure steps of the core behind the engine's port, bytes in and bytes out."""
