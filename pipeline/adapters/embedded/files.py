"""Opens the SQLite files of the embedded pipeline, each the way its one job needs.

Beside the state file ``touchpoint.db`` stand ``touchpoint.db.log`` (events in) and
``touchpoint.db.lock`` (one process at a time), and ``touchpoint.db.dispatch`` (actions that are
being carried out). The log is a file of its own so that taking events
in and processing them never wait for one another's transactions.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

BUSY_MS = 5_000
"""How long one writer waits for another: a migration or a backup, never our own threads."""


class StartRefused(Exception):  # noqa: N818 - it says what happened
    """The embedded pipeline cannot start on these files; the message says what to do."""


class FileInUse(StartRefused):
    """Another process works on the same files."""


class WrongFile(StartRefused):
    """A file that this release, or this pair of files, cannot go on with."""


class Files(NamedTuple):
    """Where the embedded pipeline keeps what it knows."""

    state: Path

    @property
    def log(self) -> Path:
        return self.state.with_name(self.state.name + ".log")

    @property
    def dispatch(self) -> Path:
        return self.state.with_name(self.state.name + ".dispatch")

    @property
    def lock(self) -> Path:
        return self.state.with_name(self.state.name + ".lock")


class FileLock:
    """Keeps a second process off the files; the system lets go of it even on ``kill -9``."""

    def __init__(self, path: Path) -> None:
        """Raises ``FileInUse`` if another process holds it."""
        # SQLite's own lock, because it works on every system.
        self._connection = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise FileInUse(
                f"{path}: {error}; is another `touchpoint run` using this file? "
                "Stop it, or choose another --db"
            ) from error

    def release(self) -> None:
        self._connection.close()


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection without hidden transactions, in write-ahead mode, safe against power loss."""
    uri = f"file:{quote(str(path))}" + ("?mode=ro" if read_only else "")
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        _configure(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def make_state_engine(path: Path) -> Engine:
    """For whoever writes the state file: every transaction takes the write lock at once.

    Without that the driver begins no transaction before a SELECT, and a read that turns into a
    write fails or, worse, overwrites what it has not seen.
    """
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(path),
        poolclass=NullPool,
        hide_parameters=True,  # they are customers' data, and errors are logged
    )
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _configure(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL: what was answered for survives a power cut too. It costs 0.3 ms a commit.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-16000")
