"""The tables of the log and of the lane, and what stands in them when a file is opened."""

import sqlite3
from typing import Final
from uuid import uuid4

from pipeline.adapters.embedded.files import WrongFile

_LOG_FORMAT: Final = 1

_LOG: Final = """
CREATE TABLE IF NOT EXISTS event (
    "offset" INTEGER PRIMARY KEY,
    key BLOB,
    value BLOB,
    headers BLOB,
    timestamp_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS once (
    key TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS once_expires ON once (expires_ms);
CREATE TABLE IF NOT EXISTS log_identity (id TEXT NOT NULL);
"""

# The names begin with lane_: the tables of the outputs stand in the same file.
_LANE: Final = """
CREATE TABLE IF NOT EXISTS lane_state (key BLOB PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS lane_position (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    next_offset INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    log_id TEXT NOT NULL,
    fired_ms INTEGER,
    fired_key BLOB
);
"""
_LANE_TIMERS: Final = """
ALTER TABLE lane_position ADD COLUMN fired_ms INTEGER;
ALTER TABLE lane_position ADD COLUMN fired_key BLOB;
"""


def open_log(connection: sqlite3.Connection) -> tuple[str, int]:
    """Make the log's tables if there are none; its identity, and the offset after its last record.

    Raises ``WrongFile`` if a newer release wrote it, ``sqlite3.Error`` if it cannot be used.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _LOG_FORMAT:
        raise WrongFile(
            f"the log has format {version}, this release knows up to {_LOG_FORMAT}; "
            "run the release that wrote it, or a newer one"
        )
    if version < _LOG_FORMAT:
        _make_log(connection)
    identity: str = connection.execute("SELECT id FROM log_identity").fetchone()[0]
    last: int | None = connection.execute('SELECT max("offset") FROM event').fetchone()[0]
    return identity, 0 if last is None else last + 1


def make_lane_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of states and position if there are none; add columns of this release."""
    connection.executescript(_LANE)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(lane_position)")}
    if "fired_ms" not in columns:
        connection.executescript(f"BEGIN;{_LANE_TIMERS}COMMIT;")


def _make_log(connection: sqlite3.Connection) -> None:
    # One transaction, its version in it: a process killed here leaves all of it or nothing.
    connection.execute("BEGIN IMMEDIATE")
    for statement in _LOG.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO log_identity VALUES (?)", (str(uuid4()),))
    connection.execute(f"PRAGMA user_version = {_LOG_FORMAT}")
    connection.execute("COMMIT")
