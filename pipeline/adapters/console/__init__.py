"""The web console: what the read interface has, as pages for people."""
