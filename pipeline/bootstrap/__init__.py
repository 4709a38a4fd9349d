"""The only place where parts are wired: what runs as what, on which files, brokers and ports."""
