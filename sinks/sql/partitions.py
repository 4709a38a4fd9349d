"""Keeps ``contributions`` on PostgreSQL in one partition a month, so that a month goes at once.

What no month has been made for stands in a partition of its own, the rest: the rows that were
there before, and those from far ahead or long ago.
"""

import re
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

TABLE: Final = "contributions"
REST: Final = f"{TABLE}_rest"

MONTHS_AHEAD: Final = 3

_MONTH: Final = re.compile(rf"{TABLE}_(\d{{4}})_(\d{{2}})")
_NAMES: Final = (
    "SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid "
    "WHERE inhparent = 'contributions'::regclass"
)


def is_partition(name: str | None) -> bool:
    """Whether a table is a part of another, and none that migrations tell of."""
    return name is not None and (name == REST or _MONTH.fullmatch(name) is not None)


def prepare(engine: Engine, now: datetime) -> list[str]:
    """Make the partitions of this month and the next; returns the names of those that are new.

    A month of which there are rows in the rest already stays there. Nothing to do on SQLite.
    """
    if engine.dialect.name != "postgresql":
        return []
    made = []
    month = _month_of(now)
    for _ in range(MONTHS_AHEAD + 1):
        after = _next(month)
        name = f"{TABLE}_{month:%Y_%m}"
        try:
            with engine.begin() as connection:
                if name not in _partitions(connection):
                    _make(connection, name, month, after)
                    made.append(name)
        except IntegrityError:
            pass  # the rest has rows of it
        month = after
    return made


def drop_before(engine: Engine, before: datetime) -> int:
    """Drop the months that end at ``before`` or earlier; returns how many rows they had."""
    if engine.dialect.name != "postgresql":
        return 0
    with engine.connect() as connection:
        months = {name: _start(name) for name in _partitions(connection)}
    gone = 0
    for name, start in sorted(months.items()):
        if start is not None and _next(start) <= before:
            with engine.begin() as connection:
                rows = connection.exec_driver_sql(f"SELECT count(*) FROM {name}")  # noqa: S608
                gone += rows.scalar_one()
                connection.exec_driver_sql(f"DROP TABLE {name}")
    return gone


def _make(connection: Connection, name: str, start: datetime, end: datetime) -> None:
    connection.exec_driver_sql(
        f"CREATE TABLE {name} PARTITION OF {TABLE} "
        f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    )


def _partitions(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql(_NAMES).scalars())


def _start(name: str) -> datetime | None:
    found = _MONTH.fullmatch(name)
    return found and datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)


def _month_of(time: datetime) -> datetime:
    day = time.astimezone(UTC)
    return day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(month: datetime) -> datetime:
    if month.month == 12:
        return month.replace(year=month.year + 1, month=1)
    return month.replace(month=month.month + 1)
