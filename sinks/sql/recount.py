"""Counts roll-ups anew from the contributions that are kept: to compare, and to mend."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    delete,
    func,
    select,
    text,
)

from schemas.perception import Contribution, Felt
from sinks.sql import bulk, tables
from sinks.sql.engine import snapshot
from sinks.sql.retention import kept_since, rollups_of
from sinks.sql.rollups import AMOUNTS, AXES, KEY, Amounts, Key, totals

_AT_ONCE: Final = 5_000
"""Contributions in memory."""

_RECOUNTED: Final = -1
"""The partition of sums that were counted anew: of no writer's."""

_MOMENT: Final = timedelta(microseconds=1)

_SUMMED: Final = ("time", *AXES["day"], "felt", "score_before", "score_after")

Sums = dict[Key, Amounts]


class Difference(NamedTuple):
    """A bucket that is not what it should be; ``None`` where there is none at all."""

    key: Key
    kept: Amounts | None
    counted: Amounts | None


class Checked(NamedTuple):
    """What a check found; ``first`` are the first of the ``different``, by day and key."""

    contributions: int
    buckets: int
    different: int
    first: tuple[Difference, ...]


class Rebuilt(NamedTuple):
    """What was counted anew."""

    contributions: int
    buckets: int


def check(engine: Engine, *, most: int = 20) -> Checked:
    """Compare the roll-ups with a recount, day by day, in one state of the database.

    Only what can be recounted: of days whose contributions and buckets were not deleted for age.
    """
    contributions = buckets = different = 0
    first: list[Difference] = []
    with snapshot(engine) as connection:
        for day, grains in _days(connection):
            read, counted = _counted(connection, day, grains)
            kept = _kept(connection, day, grains)
            keys = sorted(counted.keys() | kept.keys())
            wrong = [key for key in keys if counted.get(key) != kept.get(key)]
            contributions, buckets = contributions + read, buckets + len(keys)
            different += len(wrong)
            first += (
                Difference(key, kept.get(key), counted.get(key))
                for key in wrong[: most - len(first)]
            )
    return Checked(contributions, buckets, different, tuple(first))


def rebuild(engine: Engine) -> Rebuilt:
    """Put a recount in the place of the roll-ups, in one transaction; writers wait for it."""
    contributions = buckets = 0
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # In the order in which the sink writes them. SQLite has one writer anyway.
            connection.execute(text("LOCK TABLE contributions IN SHARE MODE"))
            connection.execute(text("LOCK TABLE rollups IN EXCLUSIVE MODE"))
        for day, grains in list(_days(connection)):
            read, counted = _counted(connection, day, grains)
            connection.execute(delete(tables.rollups).where(*_of_day(day, grains)))
            rows = [(*key, _RECOUNTED, *amounts) for key, amounts in sorted(counted.items())]
            bulk.append(connection, tables.rollups, rows)
            contributions, buckets = contributions + read, buckets + len(rows)
    return Rebuilt(contributions, buckets)


def _days(connection: Connection) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """Each day that has something to compare, and the grains that are whole on it."""
    kept = kept_since(connection, tables.contributions.name)
    since = {grain: kept_since(connection, rollups_of(grain)) for grain in AXES}
    day = _first_day(connection, None if kept is None else kept - _MOMENT)
    while day is not None:
        grains = tuple(g for g, time in since.items() if time is None or day >= time)
        if grains:
            yield day, grains
        day = _first_day(connection, _end(day))


def _first_day(connection: Connection, after: datetime | None) -> datetime | None:
    """The first day that has a contribution or a bucket ``after`` a time."""
    rollup, time = tables.rollups.c, tables.contributions.c.time
    firsts = [_first(time, after)]
    for grain, axes in AXES.items():
        for axis in axes:
            of_axis = (rollup.grain == grain, rollup.axis == axis)
            firsts.append(_first(rollup.start, after).where(*of_axis))
    found = [connection.execute(first).scalar_one() for first in firsts]
    first = min((each for each in found if each is not None), default=None)
    return None if first is None else first.replace(hour=0, minute=0, second=0, microsecond=0)


def _first(time: Column[datetime], after: datetime | None) -> Select[datetime]:
    first = select(func.min(time))
    return first if after is None else first.where(time > after)


def _end(day: datetime) -> datetime:
    """Its last moment, not the next day: there is none behind the last of the calendar."""
    return day.replace(hour=23, minute=59, second=59, microsecond=999_999)


def _counted(connection: Connection, day: datetime, grains: tuple[str, ...]) -> tuple[int, Sums]:
    """How many contributions a day has, and what they come to."""
    sums: Sums = {}
    read = 0
    for batch in _contributions(connection, day):
        read += len(batch)
        for key, amounts in totals(batch):
            if key[0] in grains:
                known = sums.get(key)
                sums[key] = amounts if known is None else _sum(known, amounts)
    return read, sums


def _kept(connection: Connection, day: datetime, grains: tuple[str, ...]) -> Sums:
    column = tables.rollups.c
    by = [column[name] for name in KEY[:-1]]
    wanted = (
        select(*by, *(func.sum(column[name]) for name in AMOUNTS))
        .where(*_of_day(day, grains))
        .group_by(*by)
    )
    sums: Sums = {}
    for grain, axis, start, value, dimension, *amounts in connection.execute(wanted):
        key = (grain, axis, tables.time_text(start), value, dimension)
        sums[key] = tuple(map(int, amounts))
    return sums


def _of_day(day: datetime, grains: tuple[str, ...]) -> tuple[ColumnElement[bool], ...]:
    column = tables.rollups.c
    # The axis is named for the index, which has it before the start.
    every = column.axis.in_(sorted({axis for grain in grains for axis in AXES[grain]}))
    return column.grain.in_(grains), every, column.start.between(day, _end(day))


def _contributions(connection: Connection, day: datetime) -> Iterator[list[Contribution]]:
    """Those of one day, as far as they are summed, some at a time."""
    column = tables.contributions.c
    wanted = select(*(column[name] for name in _SUMMED)).where(column.time.between(day, _end(day)))
    found = connection.execute(wanted, execution_options={"yield_per": _AT_ONCE})
    for rows in found.mappings().partitions():
        yield [_contribution(row) for row in rows]


def _contribution(row: RowMapping) -> Contribution:
    read = {name: row[name] for name in _SUMMED if name != "felt"}
    felt = msgspec.convert(row["felt"], tuple[Felt, ...])
    return Contribution(
        **read, felt=felt, event="", source="", type="", customer=None, intent="", policy=""
    )


def _sum(known: Amounts, more: Amounts) -> Amounts:
    return tuple(a + b for a, b in zip(known, more, strict=True))
