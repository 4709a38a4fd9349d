"""Where outputs end up outside the log, each with its position beside its rows."""
