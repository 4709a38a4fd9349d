"""One file per step of the schema, oldest first; a released one is never changed."""
