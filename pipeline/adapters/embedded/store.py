"""The state file: states and position in one database with the outputs they belong to."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipeline.adapters.embedded.files import WrongFile, make_state_engine
from pipeline.adapters.embedded.schema import make_lane_tables
from pipeline.engine.errors import StoreFailed
from pipeline.engine.ports import Changes, Checkpoint, Position

RETRY_SECONDS: Final = 1.0

_KEYS_AT_ONCE: Final = 500
# Not INSERT OR REPLACE, which deletes the row and its index entry only to make them again.
_PUT: Final = (
    "INSERT INTO lane_state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_POSITION: Final = "SELECT next_offset, clock_ms, fired_ms, fired_key FROM lane_position"
_MOVE: Final = (
    "UPDATE lane_position SET next_offset = ?, clock_ms = ?, fired_ms = ?, fired_key = ? "
    "WHERE next_offset = ? AND fired_ms IS ? AND fired_key IS ?"
)


class StateFile:
    """The one connection that writes states, position and outputs. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = make_state_engine(path)
        self._connection: Connection | None = None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def engine(self) -> Engine:
        """For making the tables of the outputs before the lane starts."""
        return self._engine

    def bind(self, log_id: str, log_end: int) -> Position:
        """Make the tables and tie this file to its log; the position it stands at.

        Raises ``WrongFile`` if its log is gone or was replaced, and says what to do.
        """
        self.connect()
        try:
            raw = self.raw
            make_lane_tables(raw)
            raw.execute(
                "INSERT OR IGNORE INTO lane_position (id, next_offset, clock_ms, log_id) "
                "VALUES (0, 0, 0, ?)",
                (log_id,),
            )
            known = raw.execute("SELECT log_id FROM lane_position").fetchone()[0]
            position = self.position()
        finally:
            self.disconnect()
        lost = known != log_id
        if lost and position.next_offset == 0:
            self._adopt(log_id)  # nothing was read from the other log: nothing is lost with it
        elif lost or position.next_offset > log_end:
            raise WrongFile(_explain(self._path, position.next_offset, log_end, other=lost))
        return position

    def connect(self) -> Connection:
        """Open the connection anew. Raises ``StoreFailed``."""
        self.disconnect()
        try:
            self._connection = self._engine.connect()
        except (DBAPIError, sqlite3.Error) as error:
            raise self.failed(error) from error
        return self._connection

    def disconnect(self) -> None:
        """Abort what is under way and close. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError, sqlite3.Error):
                connection.close()

    @property
    def raw(self) -> sqlite3.Connection:
        """The driver's own connection, in whatever transaction is under way."""
        if self._connection is None:
            raise StoreFailed(f"{self._path}: is closed", retry_after_seconds=RETRY_SECONDS)
        return cast(sqlite3.Connection, self._connection.connection.driver_connection)

    def position(self) -> Position:
        next_offset, clock_ms, fired_ms, key = self.raw.execute(_POSITION).fetchone()
        return Position(next_offset, clock_ms, None if fired_ms is None else (fired_ms, key))

    def write(self, changes: Changes) -> None:
        raw = self.raw
        raw.executemany(_PUT, [(k, v) for k, v in changes.items() if v is not None])
        gone = [(key,) for key, value in changes.items() if value is None]
        if gone:
            raw.executemany("DELETE FROM lane_state WHERE key = ?", gone)

    def move(self, before: Position, after: Position) -> bool:
        """Whether the position stood at ``before``; then it is moved to ``after``."""
        nothing = (None, None)
        row = (
            *(after.next_offset, after.clock_ms, *(after.fired or nothing)),
            *(before.next_offset, *(before.fired or nothing)),
        )
        return self.raw.execute(_MOVE, row).rowcount == 1

    def failed(self, error: Exception) -> StoreFailed:
        """The engine's error for a database error; without the statement and its parameters."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        return StoreFailed(f"{self._path}: {cause}", retry_after_seconds=RETRY_SECONDS)

    def _adopt(self, log_id: str) -> None:
        self.connect()
        try:
            self.raw.execute("UPDATE lane_position SET log_id = ?", (log_id,))
        finally:
            self.disconnect()


class SqliteStore:
    """The ``Store`` of the embedded lane. It reads through the connection of the unit of work."""

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def checkpoint(self) -> Checkpoint:
        try:
            return Checkpoint(self._state.position())
        except sqlite3.Error as error:
            raise self._state.failed(error) from error

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        found: dict[bytes, bytes] = {}
        try:
            raw = self._state.raw
            for first in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[first : first + _KEYS_AT_ONCE]
                marks = ",".join("?" * len(some))
                sql = f"SELECT key, value FROM lane_state WHERE key IN ({marks})"  # noqa: S608
                found.update(raw.execute(sql, some))
        except sqlite3.Error as error:
            raise self._state.failed(error) from error
        return list(map(found.get, keys))

    def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Nothing to do: the unit's commit wrote the same changes and position to this file."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        try:
            yield from self._state.raw.execute("SELECT key, value FROM lane_state")
        except sqlite3.Error as error:
            raise self._state.failed(error) from error

    def clear(self) -> None:
        """Always raises: there is no changelog to rebuild from; the outputs stand here too."""
        raise StoreFailed(
            f"{self._state.path}: cannot be rebuilt in place; move the file away and start anew: "
            "it is made again from its log"
        )

    def close(self) -> None:
        """Nothing to do: the connection is the unit of work's."""


def _explain(path: Path, position: int, log_end: int, *, other: bool) -> str:
    what = "is not the log it was made from" if other else f"ends at {log_end}"
    return (
        f"{path}: has processed its log up to {position}, but {path}.log {what}. "
        f"Put the right log file (with its -wal file) back; or, to begin anew from the log that "
        f"is there, move {path} away"
    )
