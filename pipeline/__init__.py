"""Touches in, perception and care out."""
