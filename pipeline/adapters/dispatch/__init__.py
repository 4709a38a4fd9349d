"""Carries actions out over channels, and tells what came of them; knows no Kafka and no SQL."""
