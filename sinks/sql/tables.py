"""The tables of the SQL store, the same on PostgreSQL and SQLite.

Production makes them by migration (``sinks.sql.migrations``); a test holds the two together.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

TIME_CHARACTERS: Final = 27  # 2026-01-31T23:59:59.123456Z


def time_text(time: datetime) -> str:
    """An aware time as UTC text of fixed width, so that texts sort as times do."""
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    return time.isoformat(timespec="microseconds")[:26] + "Z"


class TimeText(TypeDecorator[datetime]):
    """An aware time as sortable text: SQLite has no type for times."""

    impl = String(TIME_CHARACTERS)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else time_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


UtcTime: Final = DateTime(timezone=True).with_variant(TimeText(), "sqlite")


metadata = MetaData()

# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
_Sequence = BigInteger().with_variant(Integer, "sqlite")


def _seq() -> Column[int]:
    """The order in which rows came in, and what makes a cursor unique."""
    return Column("seq", _Sequence, primary_key=True, autoincrement=True)


scores = Table(
    "scores",
    metadata,
    Column("customer", Text, primary_key=True),
    Column("score", Double, nullable=False),
    Column("baseline", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("impression", Double, nullable=False),
    Column("loyalty", Double, nullable=False),
    Column("ratio", Double, nullable=False),
    Column("band", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("over_servicing", Double, nullable=False),
    Column("as_of", UtcTime, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("tier", Text, nullable=False),
    # A behaviour type and its signs are there together or not at all.
    Column("behaviour", Text),
    # JSON and not JSONB: kept to the letter (JSONB turns -0.0 into 0.0), and cheaper to write.
    Column("behaviour_signs", JSON),
    Column("stage", Text, nullable=False),
    Column("stage_signs", JSON, nullable=False),
    Column("open_failures", BigInteger, nullable=False),
    Column("open_promises", BigInteger, nullable=False),
    Column("overdue_promises", BigInteger, nullable=False),
    Column("merged_into", Text),
    Column("policy_name", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("policy_digest", Text, nullable=False),
    Column("dimensions", JSON, nullable=False),
    Column("parts", JSON, nullable=False),
)
"""The latest score of each customer."""

# (source, event) is deliberately not unique: the position in the same transaction writes each
# record once, and a double must be seen by whoever counts, not hidden by an index.
contributions = Table(
    "contributions",
    metadata,
    _seq(),
    Column("customer", Text),
    Column("event", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("touchpoint", Text),
    Column("time", UtcTime, nullable=False),
    Column("tier", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("felt", JSON, nullable=False),
    Column("score_before", Double),
    Column("score_after", Double),
    Column("policy", Text, nullable=False),
    Index("contributions_customer_time", "customer", "time", "seq"),
    Index("contributions_time", "time", "seq"),
)
"""What each event did, one row per event."""

actions = Table(
    "actions",
    metadata,
    _seq(),
    Column("id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("action_class", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("cause_source", Text, nullable=False),
    Column("cause_event", Text, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("policy", Text, nullable=False),
    Index("actions_id", "id", unique=True),
    Index("actions_customer_decided_at", "customer", "decided_at", "seq"),
    Index("actions_decided_at", "decided_at", "seq"),
)
"""What is to be done; an id is an idempotency key, so a repeated one is the same action."""

decisions = Table(
    "decisions",
    metadata,
    _seq(),
    Column("id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("cause_source", Text, nullable=False),
    Column("cause_event", Text, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Index("decisions_id", "id", unique=True),
    Index("decisions_customer_decided_at", "customer", "decided_at", "seq"),
    Index("decisions_decided_at", "decided_at", "seq"),
)
"""What was considered and not done."""

dead_letters = Table(
    "dead_letters",
    metadata,
    _seq(),
    Column("topic", Text, nullable=False),
    Column("partition", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSON, nullable=False),
    Column("component", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
)
"""Events that could not be processed, with their original bytes."""

sink_rejects = Table(
    "sink_rejects",
    metadata,
    _seq(),
    Column("topic", Text, nullable=False),
    # None for what never stood in a log: outputs of an embedded pipeline.
    Column("partition", BigInteger),
    Column("offset", BigInteger),
    Column("timestamp_ms", BigInteger),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
)
"""Records that the sink could not understand, with their original bytes."""

position = Table(
    "position",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""How far each partition was written; changes only together with the rows."""
