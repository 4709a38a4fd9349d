"""What a replay writes: every file in an order of its own, however the lines were stepped."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from types import TracebackType
from typing import Final, Self

import msgspec

from pipeline.engine.ports import Output
from pipeline.tools.files import LineFile
from pipeline.tools.lines import rejected_line
from schemas.topics import (
    ACTIONS,
    CASES,
    DEAD_LETTERS,
    DECISIONS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    SCORES,
)

FILES: Final = (
    "scores.jsonl",
    "actions.jsonl",
    "decisions.jsonl",
    "cases.jsonl",
    "outlooks.jsonl",
    "rejects.jsonl",
)

_BY_TIME: Final = {
    ACTIONS: "actions.jsonl",
    DECISIONS: "decisions.jsonl",
    OUTLOOKS: "outlooks.jsonl",
}
_REJECTS: Final = (DEAD_LETTERS, PROPOSAL_DEAD_LETTERS)
# In the order in which a proposal comes to them.
_OUTCOMES: Final = (
    "recorded",
    "held",
    "proposed",
    "allocated",
    "withheld",
    "not_funded",
    "expired",
    "requested",
    "settled",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _Dated(msgspec.Struct):
    """As much of an action, a decision or an outlook's check as its place in the file takes."""

    id: str
    decided_at: datetime | None = None
    settled_at: datetime | None = None
    outcome: str | None = None


class _Named(msgspec.Struct):
    id: str


_DATED: Final = msgspec.json.Decoder(_Dated)
_NAMED: Final = msgspec.json.Decoder(_Named)


class ReplayFiles:
    """The files of one replay, of which it keeps what is not yet in order.

    ``scores.jsonl`` has the last score of each customer, by customer, ``cases.jsonl`` the last
    state of each case, by id. ``actions.jsonl`` and ``decisions.jsonl`` are ordered by
    ``decided_at``, ``outlooks.jsonl`` by ``settled_at``; then by id; then by outcome as a proposal
    comes to them. ``rejects.jsonl`` is in the order of lines.
    """

    def __init__(self, files: Mapping[str, LineFile]) -> None:
        self._files = files
        self._scores: dict[bytes, bytes] = {}
        self._cases: dict[str, bytes] = {}
        # A database of no name is a file of SQLite's own, gone when it is closed: what is to be
        # sorted may be more than the memory holds.
        self._dated = sqlite3.connect("")
        self._dated.execute("PRAGMA journal_mode = OFF")
        self._dated.execute(
            "CREATE TABLE dated (topic TEXT, us INTEGER, id BLOB, outcome INTEGER, value BLOB)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._dated.close()

    def keep(self, outputs: Iterable[Output]) -> None:
        """Take what came of some lines; those before them were taken before."""
        rejects, dated = [], []
        for topic, key, value in outputs:
            if topic == SCORES:
                self._scores[key] = value
            elif topic in _BY_TIME:
                dated.append((topic, *_place(value), value))
            elif topic == CASES:
                self._cases[_NAMED.decode(value).id] = value
            elif topic in _REJECTS:
                rejects.append(rejected_line(value))
        self._dated.executemany("INSERT INTO dated VALUES (?, ?, ?, ?, ?)", dated)
        for _, value in sorted(rejects, key=itemgetter(0)):
            self._files["rejects.jsonl"].write(value)

    def finish(self) -> None:
        """Write everything that had to wait for the last line."""
        for key in sorted(self._scores):
            self._files["scores.jsonl"].write(self._scores[key])
        for name in sorted(self._cases):
            self._files["cases.jsonl"].write(self._cases[name])
        # The value last: no two lines are in an order that only chance made.
        ordered = "SELECT topic, value FROM dated ORDER BY topic, us, id, outcome, value"
        for topic, value in self._dated.execute(ordered):
            self._files[_BY_TIME[topic]].write(value)

    @property
    def customers(self) -> int:
        """How many customers have a score."""
        return len(self._scores)

    def digests(self) -> dict[str, str]:
        """The SHA-256 of what is written, by file, in hexadecimal."""
        return {name: file.digest for name, file in self._files.items()}


def _place(value: bytes) -> tuple[int, bytes, int]:
    made = _DATED.decode(value)
    time = made.decided_at or made.settled_at or _EPOCH
    outcome = _OUTCOMES.index(made.outcome) if made.outcome in _OUTCOMES else len(_OUTCOMES)
    return (time - _EPOCH) // _MICROSECOND, made.id.encode(), outcome
