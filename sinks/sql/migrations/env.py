"""Run by Alembic for each command: migrates over the connection that the caller holds."""

from alembic import context

from sinks.sql.migrations import VERSION_TABLE
from sinks.sql.partitions import is_partition
from sinks.sql.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("no connection: migrate by sinks.sql.migrations.upgrade(url)")

context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=lambda name, *_: not is_partition(name),
    # SQLite can change little of a table in place: Alembic then makes a new one and copies.
    render_as_batch=True,
)
# No transaction of its own: the caller's holds the lock against others, and commits.
context.run_migrations()
