"""What can be done for a customer: one action a file, all of them listed in ``actions``."""
