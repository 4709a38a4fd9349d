"""What the embedded dispatch remembers: how far it has read, what is open, what is settled.

A file of its own, so that neither the lane nor dispatch waits for the other's transactions. It is
tied to nothing: if the state file is made anew from its log, the same actions come again under
other numbers, and are known by their ids.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from pipeline.adapters.dispatch.ends import Parked, Progress
from pipeline.adapters.embedded.files import connect

_FORMAT: Final = 1
_TABLES: Final = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS place (
    one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS open_action (
    id TEXT PRIMARY KEY, due_ms INTEGER NOT NULL, action BLOB NOT NULL, progress BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS open_action_due ON open_action (due_ms);
CREATE TABLE IF NOT EXISTS settled_action (id TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = {_FORMAT};
COMMIT;
"""
_NEW: Final = (
    "INSERT OR IGNORE INTO open_action SELECT ?1, 0, ?2, ?3 "
    "WHERE NOT EXISTS (SELECT 1 FROM settled_action WHERE id = ?1)"
)
_PLACE: Final = (
    "INSERT INTO place VALUES (1, ?, ?) "
    "ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, id = excluded.id"
)


class Row(Protocol):
    """An action as the state file numbers it; ``action`` is its JSON."""

    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def action(self) -> bytes: ...


class Open(NamedTuple):
    """An action that is not settled, and where to go on with it."""

    id: str
    action: bytes
    progress: Progress


class Place(NamedTuple):
    """The last row that was read; ``id`` tells whether it still has this number."""

    seq: int
    id: str


class DispatchStore:
    """The file; of one thread. Raises ``sqlite3.Error`` if it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._connection.executescript(_TABLES)
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Progress).decode

    def place(self) -> Place | None:
        """``None`` before the first row."""
        found = self._connection.execute("SELECT seq, id FROM place").fetchone()
        return None if found is None else Place(*found)

    def forget_place(self) -> None:
        """Read from the first row again."""
        self._connection.execute("DELETE FROM place")

    def take(self, rows: Sequence[Row]) -> list[Open]:
        """Open these actions and move on behind them; returns those that were not known yet."""
        start = Progress()
        encoded = self._encode(start)
        taken: list[Open] = []
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
                if self._connection.execute(_NEW, (row.id, row.action, encoded)).rowcount == 1:
                    taken.append(Open(row.id, row.action, start))
            self._connection.execute(_PLACE, (rows[-1].seq, rows[-1].id))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        return taken

    def due(self, now: datetime, limit: int) -> list[Open]:
        """Open actions that are to be taken up, the longest due first."""
        query = "SELECT id, action, progress FROM open_action WHERE due_ms <= ? ORDER BY due_ms "
        query += "LIMIT ?"
        with closing(self._connection.execute(query, (_ms(now), limit))) as cursor:
            return [
                Open(identity, action, self._decode(progress))
                for identity, action, progress in cursor
            ]

    def park(self, identity: str, parked: Parked) -> None:
        """Put an open action off."""
        values = (_ms(parked.not_before), self._encode(parked.progress), identity)
        self._connection.execute(
            "UPDATE open_action SET due_ms = ?, progress = ? WHERE id = ?", values
        )

    def settle(self, identities: Sequence[str]) -> None:
        """Remember for ever that these came to their end."""
        values = [(identity,) for identity in identities]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("DELETE FROM open_action WHERE id = ?", values)
            self._connection.executemany("INSERT OR IGNORE INTO settled_action VALUES (?)", values)
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def open_actions(self) -> int:
        """How many are not settled."""
        count: int = self._connection.execute("SELECT count(*) FROM open_action").fetchone()[0]
        return count

    def close(self) -> None:
        self._connection.close()


def _ms(time: datetime) -> int:
    return int(time.astimezone(UTC).timestamp() * 1000)
