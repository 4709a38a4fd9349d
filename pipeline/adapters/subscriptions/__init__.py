"""Tells subscribers which customers came to match their conditions: signed webhooks."""
