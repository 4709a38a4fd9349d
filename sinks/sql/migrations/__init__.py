"""Brings a database to the schema of this release."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from sinks.sql import changes
from sinks.sql.engine import make_engine
from sinks.sql.tables import metadata

# Not alembic's own name: the database may hold other programs' tables, and their versions.
VERSION_TABLE: Final = "touchpoint_schema"

# Any number that others do not lock; two sinks started together must not both migrate.
_LOCK: Final = 7_316_024_981


def upgrade(database: Engine | str, revision: str = "head") -> None:
    """Migrate to this release's schema, in one transaction; does nothing if it is there.

    ``revision`` names an earlier schema, to see how a database comes from it to this one.
    """
    engine = make_engine(database) if isinstance(database, str) else database
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            if revision == "head":
                changes.go_on(connection, metadata.tables.values())
    finally:
        if isinstance(database, str):
            engine.dispose()


def is_current(connection: Connection) -> bool:
    """Whether the database has this release's schema; false too if a newer one."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return context.get_current_revision() == head


def _config() -> Config:
    config = Config()
    # Alembic reads % as the start of a placeholder.
    folder = str(Path(__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    return config
