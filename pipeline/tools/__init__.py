"""Tools of the command line: they read and write files, and use the core as any engine does."""
