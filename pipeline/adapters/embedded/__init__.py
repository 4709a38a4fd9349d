"""The whole pipeline in one process: a log and a state file in SQLite, no service needed."""
