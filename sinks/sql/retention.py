"""Deletes what is older than it is to be kept, in short transactions beside those who write."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sinks.sql import partitions, tables
from sinks.sql.audit import audit
from sinks.sql.orders import orders
from sinks.sql.rollups import AXES

_ROWS_AT_ONCE: Final = 1_000
"""A few milliseconds of SQLite's only writer."""

_SPANS: Final = {
    "minute": timedelta(hours=1),
    "hour": timedelta(days=1),
    "day": timedelta(days=30),
}
"""Buckets of one axis that are deleted at once."""


class Retention(NamedTuple):
    """For how many days rows are kept, from their own time on (cases: from when they were closed).

    Whole days of UTC go at once.
    """

    contributions_days: int = 400
    actions_days: int = 400
    """Orders for actions are kept as long."""
    decisions_days: int = 400
    cases_days: int = 400
    """From when a case was closed."""
    outlook_checks_days: int = 400
    campaign_reports_days: int = 400
    audit_days: int = 1_095
    dead_letters_days: int = 90
    sink_rejects_days: int = 90
    rollups_by_minute_days: int = 2
    rollups_by_hour_days: int = 90
    rollups_by_day_days: int = 3_650


def forget(
    engine: Engine,
    retention: Retention,
    now: datetime,
    *,
    goes_on: Callable[[], bool] = lambda: True,
) -> Mapping[str, int]:
    """Delete what is too old at ``now``; returns how many rows went, by table and grain.

    Makes the coming months' partitions first, where there are any.

    ``goes_on`` is asked after each short transaction: it may wait, to let others write, and ends
    the work if false. The last row of a table stays, so that row numbers never come again.
    """
    partitions.prepare(engine, now)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    gone: dict[str, int] = {}
    for table, days in _kept_days(retention):
        before = today - timedelta(days=days)
        remember(engine, table.name, before)
        whole = partitions.drop_before(engine, before) if table.name == partitions.TABLE else 0
        gone[table.name] = whole + _repeat(engine, _batches(table, before), goes_on)
    for grain, days in (
        ("minute", retention.rollups_by_minute_days),
        ("hour", retention.rollups_by_hour_days),
        ("day", retention.rollups_by_day_days),
    ):
        before = today - timedelta(days=days)
        remember(engine, rollups_of(grain), before)
        gone[rollups_of(grain)] = sum(
            _repeat(engine, _buckets(grain, axis, before), goes_on) for axis in AXES[grain]
        )
    return gone


def rollups_of(grain: str) -> str:
    """What the roll-ups of a grain are called in ``forgotten``."""
    return f"rollups {grain}"


def kept_since(connection: Connection, what: str) -> datetime | None:
    """From which time on nothing was deleted for its age; ``None`` if nothing ever was."""
    column = tables.forgotten.c
    found: datetime | None = connection.execute(
        select(column.before).where(column.what == what)
    ).scalar_one_or_none()
    return found


def remember(engine: Engine, what: str, before: datetime) -> None:
    """Keep that rows ``before`` a time are deleted. Written first: then none is missed unknown."""
    with engine.begin() as connection:
        known = kept_since(connection, what)
        if known is not None and known >= before:
            return
        kind = postgresql if connection.dialect.name == "postgresql" else sqlite
        new = kind.insert(tables.forgotten).values(what=what, before=before)
        connection.execute(
            new.on_conflict_do_update(index_elements=["what"], set_={"before": before})
        )


def _kept_days(retention: Retention) -> tuple[tuple[Table, int], ...]:
    return (
        (tables.contributions, retention.contributions_days),
        (tables.actions, retention.actions_days),
        (orders, retention.actions_days),
        (tables.decisions, retention.decisions_days),
        (tables.cases, retention.cases_days),
        (tables.outlook_checks, retention.outlook_checks_days),
        (tables.campaign_reports, retention.campaign_reports_days),
        (audit, retention.audit_days),
        (tables.dead_letters, retention.dead_letters_days),
        (tables.sink_rejects, retention.sink_rejects_days),
    )


_TIMES: Final = {
    "contributions": "time",
    "actions": "decided_at",
    "orders": "at",
    "audit": "at",
    "decisions": "decided_at",
    "cases": "closed_at",
    "outlook_checks": "settled_at",
    "campaign_reports": "at",
}

Step = Callable[[Connection], tuple[int, bool]]
"""One short transaction: how many rows went, and whether there may be more."""


def _repeat(engine: Engine, step: Step, goes_on: Callable[[], bool]) -> int:
    gone, more = 0, True
    while more:
        with engine.begin() as connection:
            some, more = step(connection)
        gone += some
        if not goes_on():
            break
    return gone


def _batches(table: Table, before: datetime) -> Step:
    seq = table.c.seq

    def step(connection: Connection) -> tuple[int, bool]:
        last = select(func.max(seq)).scalar_subquery()
        old = select(seq).where(_is_old(table, before), seq < last).limit(_ROWS_AT_ONCE)
        # Found first: PostgreSQL would else read the whole table for a handful of rows.
        found = connection.execute(old).scalars().all()
        if found:
            connection.execute(delete(table).where(seq.in_(found)))
        return len(found), len(found) == _ROWS_AT_ONCE

    return step


def _is_old(table: Table, before: datetime) -> ColumnElement[bool]:
    name = _TIMES.get(table.name)
    if name is None:
        return table.c.timestamp_ms.between(0, int(before.timestamp() * 1000) - 1)
    return table.c[name] < before


def _buckets(grain: str, axis: str, before: datetime) -> Step:
    table = tables.rollups
    start = table.c.start
    of_axis = (table.c.grain == grain, table.c.axis == axis)

    def step(connection: Connection) -> tuple[int, bool]:
        oldest = connection.execute(select(func.min(start)).where(*of_axis)).scalar_one()
        if oldest is None or oldest >= before:
            return 0, False
        until = min(before, oldest + _SPANS[grain])
        gone = connection.execute(delete(table).where(*of_axis, start < until))
        return gone.rowcount, until < before

    return step
