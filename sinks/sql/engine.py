"""Opens a database so that transactions mean what the sink takes them to mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

READ_ONLY: Final = "touchpoint_read_only"
"""Execution option of connections that only read: on SQLite they take no write lock."""

# A frozen owner of a partition must not hold its rows for ever, nor its successor wait for them.
_LOCK_SECONDS: Final = 10
_IDLE_IN_TRANSACTION_SECONDS: Final = 10
_SQLITE_BUSY_SECONDS: Final = 10
_CONNECT_SECONDS: Final = 10


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...
    def close(self) -> None: ...


class _DriverConnection(Protocol):
    autocommit: bool

    def cursor(self) -> _Cursor: ...


def make_engine(url: str | URL) -> Engine:
    """An engine for PostgreSQL (psycopg 3) or SQLite; connects when first used.

    ``postgresql://`` and ``postgres://`` mean psycopg 3 too. ``ValueError`` for other databases.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise ValueError(
        f"{parsed.render_as_string()}: no such database for this sink; "
        "known: postgresql+psycopg://user@host/name, sqlite:///path/to/file"
    )


def read_only(engine: Engine) -> Engine:
    """The same engine and pool, for connections that only read.

    On PostgreSQL each statement is a transaction of its own: what has to see one state in several
    takes a ``snapshot``.
    """
    if engine.dialect.name == "postgresql":  # spares two round trips in four
        return engine.execution_options(**{READ_ONLY: True}, isolation_level="AUTOCOMMIT")
    return engine.execution_options(**{READ_ONLY: True})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, and sees one state of the database in all its statements."""
    with read_only(engine).connect() as connection:
        if connection.dialect.name == "postgresql":  # on SQLite every transaction is one
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _postgresql(url: URL) -> Engine:
    # pre_ping: after a restart of the server the pool is full of dead connections.
    engine = create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
        json_deserializer=msgspec.json.decode,
    )
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_postgresql(connection: _DriverConnection, _record: object) -> None:
    # Statements and not start-up options: connection poolers refuse those they do not know.
    before, connection.autocommit = connection.autocommit, True
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_IN_TRANSACTION_SECONDS}s'")
    # Index scans and text output do not depend on it, but what people read in psql does.
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.close()
    connection.autocommit = before


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, json_deserializer=msgspec.json.decode)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # By itself the driver begins a transaction at the first write, not at the first read before
    # it: read-modify-write would lose updates without an error. So BEGIN is ours, see below.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a reader that turns writer fails at once with BUSY_SNAPSHOT, whatever the timeout.
    reads = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
