"""The policy file: its models, how it is read and checked, and the tables made of it."""
