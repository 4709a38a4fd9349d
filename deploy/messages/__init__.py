"""Message catalogues shipped with the program, as the package ``pipeline.messages``."""
