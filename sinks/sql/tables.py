"""The tables of the SQL store, the same on PostgreSQL and SQLite.

Production makes them by migration (``sinks.sql.migrations``); a test holds the two together.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
    false,
    text,
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


def _changed() -> Column[int]:
    """The transaction that last wrote the row: what was read up to one is not read again."""
    return Column("changed", BigInteger, nullable=False, server_default=text("0"))


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
    Column("outlooks", JSON, nullable=False, server_default=text("'[]'")),
    _changed(),
    Index("scores_changed", "changed", "customer"),
)
"""The latest score of each customer."""

FELL: Final = text("score_after < score_before - 1")
"""Contributions that took more than a point: what one bad dimension of a usual touch takes.

Partial indexes are used where a query has their condition to the letter.
"""

COMPLAINED: Final = text("(intent = 'complaint' OR type = 'touchpoint.complaint.opened.v1')")
LEFT: Final = text("type = 'touchpoint.customer.left.v1'")
ABOUT: Final = text("about IS NOT NULL")

NEEDS_APPROVAL: Final = text("needs_approval")
OF_CHOICE: Final = text("action_class <> 'required'")
"""Decisions that might have been others: what is required, such as an alert, is always done."""

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
    Column("channel", Text),
    Column("topic", Text),
    Column("department", Text),
    Column("staff", Text),
    Column("cohort", Text),
    Column("details", JSON),
    # Of ``felt`` the dimension that lost most, by name where two lost the same: to look for it in
    # a hundred thousand rows takes seconds.
    Column("lost_most", Text),
    Column("about", Text),  # of ``details``: what it answers, or the action that it carries out
    Index("contributions_customer_time", "customer", "time", "seq"),
    Index("contributions_time", "time", "seq"),
    Index("contributions_touchpoint_time", "touchpoint", "time", "seq"),
    Index(
        "contributions_fell",
        "time",
        "seq",
        "touchpoint",
        postgresql_where=FELL,
        sqlite_where=FELL,
    ),
    Index(
        "contributions_complained",
        "customer",
        "time",
        postgresql_where=COMPLAINED,
        sqlite_where=COMPLAINED,
    ),
    Index(
        "contributions_about",
        "time",
        "about",
        "score_before",
        "score_after",
        postgresql_where=ABOUT,
        sqlite_where=ABOUT,
    ),
    Index("contributions_left", "customer", "time", postgresql_where=LEFT, sqlite_where=LEFT),
    Index("contributions_left_time", "time", "seq", postgresql_where=LEFT, sqlite_where=LEFT),
)
"""What each event did, one row per event."""

rollups = Table(
    "rollups",
    metadata,
    Column("grain", Text, primary_key=True),
    Column("axis", Text, primary_key=True),
    Column("start", UtcTime, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("dimension", Text, primary_key=True),
    # Of the log: writers of different partitions never wait for the same row.
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    # Whole numbers, so that sums are the same in every order: millionths.
    Column("touches", BigInteger, nullable=False),
    Column("felt", BigInteger, nullable=False),
    Column("quality", BigInteger, nullable=False),
    Column("expected", BigInteger, nullable=False),
    Column("gained", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("moved", BigInteger, nullable=False),
    # Half the pages to touch, as the key is most of the row.
    sqlite_with_rowid=False,
)
"""What was felt by minute, hour and day, summed; the same as a recount of ``contributions``.

``axis`` is ``touchpoint``, ``channel``, ``department``, ``staff``, ``tier`` or ``cohort`` (not each
by every grain: ``sinks.sql.rollups.AXES``), its ``value`` empty where the touch names none. A row
of the ``dimension`` "" counts ``touches`` and ``moved`` (score after less before) once each; in
the others ``touches`` are those that said something of it, ``felt`` their readings with a quality,
whose ``quality`` and ``expected`` are sums, and ``gained`` and ``lost`` sums of log-odds, both
positive.
"""

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
    # Defaults are what a row means that was written before there were these columns.
    Column("purpose", Text, nullable=False, server_default=text("'service'")),
    Column("fallbacks", JSON, nullable=False, server_default=text("'[]'")),
    Column("expires_at", UtcTime),
    Column("quiet", JSON),
    Column("language", Text),
    Column("campaign", Text),
    Column("cost", Double, nullable=False, server_default=text("0")),
    Column("expected_gain", Double, nullable=False, server_default=text("0")),
    Column("needs_approval", Boolean, nullable=False, server_default=false()),
    _changed(),
    Index("actions_changed", "changed", "seq"),
    Index("actions_id", "id", unique=True),
    Index("actions_customer_decided_at", "customer", "decided_at", "seq"),
    Index("actions_decided_at", "decided_at", "seq"),
    Index(
        "actions_needing_approval",
        "decided_at",
        "seq",
        postgresql_where=NEEDS_APPROVAL,
        sqlite_where=NEEDS_APPROVAL,
    ),
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
    Column("action_class", Text, nullable=False, server_default=text("'service'")),
    Column("trigger", Text, nullable=False, server_default=text("''")),
    Column("channel", Text),
    Column("until", UtcTime),
    Column("campaign", Text),
    Column("tier", Text),
    Column("cost", Double, nullable=False, server_default=text("0")),
    Column("expected_gain", Double, nullable=False, server_default=text("0")),
    _changed(),
    Index("decisions_changed", "changed", "seq"),
    # That at most one outcome of an id is final is not held by an index: it must be seen
    # (sinks.sql.ledger), not hidden.
    Index("decisions_id_outcome", "id", "outcome", unique=True),
    Index("decisions_customer_decided_at", "customer", "decided_at", "seq"),
    Index("decisions_decided_at", "decided_at", "seq"),
    Index(
        "decisions_of_choice",
        "decided_at",
        "seq",
        # What costs are counted from, so that the index is enough.
        "outcome",
        "action",
        "id",
        "cost",
        "expected_gain",
        postgresql_where=OF_CHOICE,
        sqlite_where=OF_CHOICE,
    ),
    Index("decisions_outcome_decided_at", "outcome", "decided_at"),
    Index("decisions_action_outcome_reason", "action", "outcome", "reason"),
)
"""The ledger: what became of every proposal, each outcome of an id once."""

cases = Table(
    "cases",
    metadata,
    _seq(),  # of the first record of the case, which stays
    Column("id", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("case", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("as_of", UtcTime, nullable=False),
    Column("policy", Text, nullable=False),
    Column("topic", Text),
    Column("line", Text),
    Column("owner", Text),
    Column("level", BigInteger, nullable=False),
    Column("hand_overs", BigInteger, nullable=False),
    Column("reopened", BigInteger, nullable=False),
    Column("breaches", BigInteger, nullable=False),
    Column("steps", JSON, nullable=False),
    Column("resolved_at", UtcTime),
    Column("closed_at", UtcTime),
    Column("satisfied", Boolean),
    # Of the steps that are not done, the earliest; None where nothing is due any more.
    Column("next_due", UtcTime),
    _changed(),
    Index("cases_changed", "changed", "seq"),
    Index("cases_id", "id", unique=True),
    Index("cases_opened_at", "opened_at", "seq"),
    Index("cases_customer_opened_at", "customer", "opened_at", "seq"),
    Index("cases_status_opened_at", "status", "opened_at", "seq"),
    Index("cases_status_next_due", "status", "next_due"),
)
"""How each case stands."""

consents = Table(
    "consents",
    metadata,
    Column("customer", Text, primary_key=True),
    Column("denied", JSON, nullable=False),
    Column("alerts", Boolean, nullable=False),
    Column("as_of", UtcTime, nullable=False),
)
"""What each customer does not want."""

outlook_checks = Table(
    "outlook_checks",
    metadata,
    _seq(),
    Column("id", Text, nullable=False),
    Column("outlook", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("horizon_days", Double, nullable=False),
    Column("probability", Double, nullable=False),
    Column("happened", Boolean, nullable=False),
    Column("settled_at", UtcTime, nullable=False),
    Column("policy", Text, nullable=False),
    Index("outlook_checks_id", "id", unique=True),
    Index("outlook_checks_outlook_settled_at", "outlook", "settled_at"),
)
"""Each outlook against what then happened, one row per outlook that was made."""

campaign_reports = Table(
    "campaign_reports",
    metadata,
    _seq(),
    Column("id", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("proposed", BigInteger, nullable=False),
    Column("allocated", BigInteger, nullable=False),
    Column("not_funded", BigInteger, nullable=False),
    Column("declined", BigInteger, nullable=False),
    Column("spent", Double, nullable=False),
    Column("spent_today", Double, nullable=False),
    Column("budget", Double),
    Column("budget_per_day", Double),
    Column("capacity_left", BigInteger),
    Column("stock_left", BigInteger),
    Column("unserved", JSON, nullable=False),
    Column("disparities", JSON, nullable=False),
    Column("policy", Text, nullable=False),
    Index("campaign_reports_id", "id", unique=True),
    Index("campaign_reports_campaign_at", "campaign", "at"),
)
"""How each campaign stood after each of its windows."""

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
    # Of the store alone: whether somebody had the record processed once more, and who.
    Column("redriven_at", UtcTime),
    Column("redriven_by", Text),
)
"""Records of any ``topic`` that could not be processed, with their original bytes."""

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

changes = Table(
    "changes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""What the columns ``changed`` count from: see ``sinks.sql.changes``."""

forgotten = Table(
    "forgotten",
    metadata,
    Column("what", Text, primary_key=True),
    Column("before", UtcTime, nullable=False),
)
"""Up to which time rows were deleted for their age: of ``contributions`` and the like, and of
``rollups`` by grain (``rollups minute``)."""

position = Table(
    "position",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""How far each partition was written; changes only together with the rows."""
