"""Reads what insights are made of: sums of roll-ups, falls, the silent, departures, and care."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, Label, RowMapping, and_, func, or_, select

from schemas.insight_rows import (
    ActionSums,
    Affected,
    Arm,
    CaredFor,
    Departure,
    FallRow,
    Sums,
)
from schemas.insights import SilentCustomer
from sinks.sql import insight_care, insight_departures, insight_falls, tables
from sinks.sql.engine import read_only
from sinks.sql.insight_falls import InsightPage
from sinks.sql.rollups import AXES
from sinks.sql.spans import covering, finest_kept

_MILLIONTHS: Final = 1e-6
_COUNTS: Final = ("touches", "felt")
_UNITS: Final = ("quality", "expected", "gained", "lost", "moved")


class InsightReader:
    """Reads over ``engine`` (of ``make_engine``). Each call is one short transaction.

    Spans are ``since <= time < until``.
    """

    def __init__(
        self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """``now`` tells which sums are still kept."""
        self._engine = read_only(engine)
        self._now = now

    def sums(
        self,
        axis: str,
        *,
        since: datetime,
        until: datetime,
        dimension: str | None = None,
    ) -> Sequence[Sums]:
        """Sums over the whole span by value and dimension, of an ``axis`` of the roll-ups.

        Of minutes that begin in the span, or where those are not kept (any more) of hours or days;
        with a ``dimension`` of that one alone.
        """
        column = tables.rollups.c
        finest = finest_kept(_grains(axis), since, self._now())
        pieces = covering(since, until, finest)
        if not pieces:
            return []
        wanted = (
            select(column.value, column.dimension, *_summed())
            .where(
                column.axis == axis,
                or_(
                    *(
                        and_(
                            column.grain == piece.grain,
                            column.start >= piece.since,
                            column.start < piece.until,
                            # Again, so that each of them is one range of the index.
                            column.axis == axis,
                        )
                        for piece in pieces
                    )
                ),
            )
            .group_by(column.value, column.dimension)
            .order_by(column.value, column.dimension)
        )
        if dimension is not None:
            wanted = wanted.where(column.dimension == dimension)
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [Sums(row["value"], row["dimension"], *_units(row)) for row in rows]

    def curve_sums(
        self,
        axis: str,
        *,
        grain: str,
        since: datetime,
        until: datetime,
        values: Collection[str] | None = None,
        dimensions: Collection[str] | None = None,
    ) -> Sequence[Sums]:
        """Sums by bucket, value and dimension, of some ``values`` and ``dimensions`` or of all.

        ``ValueError`` if the axis is not summed by this grain.
        """
        if grain not in _grains(axis):
            known = ", ".join(_grains(axis)) or "nothing"
            raise ValueError(f"{axis} is not summed by {grain}, but by: {known}")
        column = tables.rollups.c
        by = (column.start, column.value, column.dimension)
        wanted = (
            select(*by, *_summed())
            .where(
                column.grain == grain,
                column.axis == axis,
                column.start >= since,
                column.start < until,
            )
            .group_by(*by)
            .order_by(*by)
        )
        if values is not None:
            wanted = wanted.where(column.value.in_(values))
        if dimensions is not None:
            wanted = wanted.where(column.dimension.in_(dimensions))
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [
            Sums(row["value"], row["dimension"], *_units(row), start=row["start"]) for row in rows
        ]

    def falls(self, limit: int, *, since: datetime, before: str | None) -> InsightPage[FallRow]:
        """Falls of more than a point, newest first; ``BadCursor`` if ``before`` is none."""
        with self._engine.connect() as connection:
            return insight_falls.falls(connection, limit, since=since, before=before)

    def affected(self, *, since: datetime, until: datetime) -> Sequence[Affected]:
        """By touchpoint and dimension, customers whose score fell, and who of them complained."""
        with self._engine.connect() as connection:
            return insight_falls.affected(connection, since=since, until=until)

    def silent(
        self, touchpoint: str, dimension: str, limit: int, *, since: datetime, before: str | None
    ) -> InsightPage[SilentCustomer]:
        """Customers with the experience and no complaint since, the lowest score first."""
        with self._engine.connect() as connection:
            return insight_falls.silent(
                connection, touchpoint, dimension, limit, since=since, before=before
            )

    def departures(self, *, since: datetime, until: datetime) -> Sequence[Departure]:
        """Who left, each customer once, the latest first."""
        with self._engine.connect() as connection:
            return insight_departures.departures(connection, since=since, until=until)

    def actions(self, *, since: datetime, until: datetime) -> Sequence[ActionSums]:
        """What became of what was requested in the span, and what was withheld in it."""
        with self._engine.connect() as connection:
            return insight_care.actions(connection, since=since, until=until)

    def arms(self, *, since: datetime, until: datetime, read_at: datetime) -> Sequence[Arm]:
        """Both arms of each action that was held out from somebody in the span.

        The score of a customer is the last that was known by ``read_at``.
        """
        with self._engine.connect() as connection:
            return insight_care.arms(connection, since=since, until=until, read_at=read_at)

    def cared_for(self, *, since: datetime, until: datetime) -> Sequence[CaredFor]:
        """What staff did on their own, by customer."""
        with self._engine.connect() as connection:
            return insight_care.cared_for(connection, since=since, until=until)


def _summed() -> list[Label[int]]:
    column = tables.rollups.c
    return [func.sum(column[name]).label(name) for name in (*_COUNTS, *_UNITS)]


def _units(row: RowMapping) -> tuple[int, int, float, float, float, float, float]:
    # As int first: PostgreSQL sums integers to decimals.
    counts = [int(row[name]) for name in _COUNTS]
    units = [int(row[name]) * _MILLIONTHS for name in _UNITS]
    return (counts[0], counts[1], units[0], units[1], units[2], units[3], units[4])


def _grains(axis: str) -> list[str]:
    """By which grains an axis is summed, the finest first."""
    return [grain for grain, axes in AXES.items() if axis in axes]
