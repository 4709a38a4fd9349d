"""The audit log in the SQL store: rows are added and read, never changed."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import JSON, BigInteger, Column, Engine, Index, Integer, Table, Text, insert, select

from schemas.access import AuditEntry
from sinks.sql.engine import read_only
from sinks.sql.tables import UtcTime, metadata

_MAX_SEQ: Final = 2**63

audit = Table(
    "audit",
    metadata,
    Column(
        "seq",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("outcome", Text, nullable=False),
    Index("audit_target", "target", "seq"),
    Index("audit_who", "who", "seq"),
)
"""Who did what to whom, why, and what came of it."""


class AuditPage(NamedTuple):
    """Entries, newest first, and the cursor (``before``) of the next page."""

    items: list[AuditEntry]
    next: str | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlAudit:
    """The log over ``engine`` (of ``make_engine``); ``now`` is the clock of its rows."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = _utc_now) -> None:
        self._engine = engine
        self._reading = read_only(engine)
        self._now = now

    def note(
        self,
        action: str,
        *,
        who: str,
        how: str,
        target: str = "",
        reason: str = "",
        detail: Mapping[str, object] | None = None,
        outcome: str = "done",
    ) -> None:
        """Write a row; returns when it is durable. See ``AuditEntry``."""
        values = {
            "at": self._now(),
            "who": who,
            "how": how,
            "action": action,
            "target": target,
            "reason": reason,
            "detail": dict(detail or {}),
            "outcome": outcome,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(audit).values(values))

    def entries(
        self,
        limit: int,
        *,
        who: str | None = None,
        target: str | None = None,
        before: str | None = None,
    ) -> AuditPage:
        """Newest first, of one ``who`` or ``target`` if given. ``ValueError`` for a bad cursor."""
        wanted = select(audit).order_by(audit.c.seq.desc()).limit(limit + 1)
        if who is not None:
            wanted = wanted.where(audit.c.who == who)
        if target is not None:
            wanted = wanted.where(audit.c.target == target)
        if before is not None:
            wanted = wanted.where(audit.c.seq < _seq_of(before))
        with self._reading.connect() as connection:
            rows = connection.execute(wanted).all()
        items = [AuditEntry(**row._mapping) for row in rows[:limit]]
        return AuditPage(items, str(items[-1].seq) if len(rows) > limit and items else None)


def _seq_of(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 19:
        raise ValueError("before: not a cursor; take it from the page before, as it is")
    return min(int(cursor), _MAX_SEQ - 1)
