"""Falls of scores, whoever had the same experience, and who of them kept silent.

An experience is a fall of more than a point at a touchpoint, named by the dimension that lost most
in it. Who has complained since, of the same topic where both name one, or has a complaint that is
not closed, is not silent. A complaint itself is no experience, but what came of one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.sql.expression import FromClause

from schemas.insight_rows import Affected, FallRow
from schemas.insights import SilentCustomer
from sinks.sql import tables
from sinks.sql.insight_cursors import cursor_of, parts_of
from sinks.sql.tables import COMPLAINED, FELL, LEFT

MOST_FALLS: Final = 100_000
"""The latest so many falls of a span are looked at for what many have in common."""

T = TypeVar("T")


_NOT_COMPLAINED: Final = text(f"NOT {COMPLAINED.text}")


class InsightPage(NamedTuple, Generic[T]):
    """Rows and the cursor of the next page, ``None`` at the end."""

    items: Sequence[T]
    next: str | None


def falls(
    connection: Connection, limit: int, *, since: datetime, before: str | None
) -> InsightPage[FallRow]:
    column = tables.contributions.c
    wanted = (
        select(
            column.customer,
            column.time,
            column.event,
            column.touchpoint,
            column.lost_most,
            column.department,
            column.score_before,
            column.score_after,
            column.seq,
        )
        .where(FELL, column.customer.is_not(None), column.time >= since)
        .order_by(column.time.desc(), column.seq.desc())
        .limit(limit + 1)
    )
    if before is not None:
        moment, seq = parts_of(before, (datetime, int))
        # With the column's type: a bare time would be written in another format on SQLite.
        last = tuple_(literal(moment, column.time.type), seq)
        wanted = wanted.where(tuple_(column.time, column.seq) < last)
    rows = connection.execute(wanted).all()
    more = len(rows) > limit > 0
    shown = [FallRow(*row[:-1]) for row in rows[:limit]]
    return InsightPage(
        shown, cursor_of(rows[limit - 1].time, rows[limit - 1].seq) if more else None
    )


def affected(connection: Connection, *, since: datetime, until: datetime) -> Sequence[Affected]:
    column = tables.contributions.c
    bad = _experiences(since).where(column.time < until).cte("bad")
    by_customer = (
        select(
            bad.c.touchpoint,
            bad.c.dimension,
            bad.c.customer,
            func.max(_complained(bad)).label("complained"),
        )
        .where(bad.c.dimension.is_not(None))
        .group_by(bad.c.touchpoint, bad.c.dimension, bad.c.customer)
        .subquery("by_customer")
    )
    by = (by_customer.c.touchpoint, by_customer.c.dimension)
    spoke = func.sum(by_customer.c.complained)
    wanted = select(*by, spoke, func.count() - spoke).group_by(*by).order_by(*by)
    return [
        Affected(touchpoint, dimension, int(spoken), int(kept))
        for touchpoint, dimension, spoken, kept in connection.execute(wanted)
    ]


def silent(
    connection: Connection,
    touchpoint: str,
    dimension: str,
    limit: int,
    *,
    since: datetime,
    before: str | None,
) -> InsightPage[SilentCustomer]:
    score = tables.scores.c
    bad = _experiences(since).where(_at(connection, touchpoint)).cte("bad")
    ranked = (
        select(
            bad.c.customer,
            bad.c.time,
            bad.c.event,
            bad.c.points,
            func.row_number()
            .over(partition_by=bad.c.customer, order_by=(bad.c.time.desc(), bad.c.seq.desc()))
            .label("rank"),
            func.max(_complained(bad)).over(partition_by=bad.c.customer).label("complained"),
        )
        .where(bad.c.dimension == dimension)
        .subquery("ranked")
    )
    wanted = (
        select(
            score.customer, score.tier, score.score, ranked.c.time, ranked.c.event, ranked.c.points
        )
        .join(ranked, ranked.c.customer == score.customer)
        .where(ranked.c.rank == 1, ranked.c.complained == 0, score.merged_into.is_(None))
        .where(not_(_left_since(ranked)))
        .order_by(score.score, score.customer)
        .limit(limit + 1)
    )
    if before is not None:
        wanted = wanted.where(
            tuple_(score.score, score.customer) > tuple_(*parts_of(before, (float, str)))
        )
    rows = connection.execute(wanted).all()
    more = len(rows) > limit > 0
    shown = [
        SilentCustomer(
            customer=row.customer,
            tier=row.tier,
            score=row.score,
            felt_at=row.time,
            touchpoint=touchpoint,
            dimension=dimension,
            event=row.event,
            points=row.points,
        )
        for row in rows[:limit]
    ]
    return InsightPage(shown, cursor_of(shown[-1].score, shown[-1].customer) if more else None)


def _experiences(since: datetime) -> Select[tuple[object, ...]]:
    """The latest falls at touchpoints, each with its worst dimension; complaints left out."""
    column = tables.contributions.c
    return (
        select(
            column.customer,
            column.touchpoint,
            column.time,
            column.seq,
            column.event,
            column.topic,
            (column.score_after - column.score_before).label("points"),
            column.lost_most.label("dimension"),
        )
        .where(FELL, column.customer.is_not(None), column.touchpoint.is_not(None))
        .where(_NOT_COMPLAINED, column.time >= since)
        .order_by(column.time.desc(), column.seq.desc())
        .limit(MOST_FALLS)
    )


def _at(connection: Connection, touchpoint: str) -> ColumnElement[bool]:
    column: ColumnElement[str | None] = tables.contributions.c.touchpoint
    if connection.dialect.name == "sqlite":
        # Else it takes the index of all contributions of the touchpoint, most of which are no fall.
        column = literal_column("+contributions.touchpoint")
    return column == touchpoint


def _complained(bad: CTE) -> ColumnElement[int]:
    """1 where the customer has complained of ``bad`` since, else 0."""
    said, held = tables.contributions.alias("said"), tables.cases.alias("held")

    def same(topic: ColumnElement[str | None]) -> ColumnElement[bool]:
        return or_(topic.is_(None), bad.c.topic.is_(None), topic == bad.c.topic)

    touch = exists(
        select(1)
        .select_from(said)
        .where(said.c.customer == bad.c.customer, said.c.time >= bad.c.time, COMPLAINED)
        .where(same(said.c.topic))
        .correlate(bad)
    )
    unclosed = or_(held.c.closed_at.is_(None), held.c.closed_at >= bad.c.time)
    open_case = exists(
        select(1)
        .select_from(held)
        .where(held.c.customer == bad.c.customer, held.c.kind == "complaint")
        .where(and_(unclosed, same(held.c.topic)))
        .correlate(bad)
    )
    return case((or_(touch, open_case), 1), else_=0)


def _left_since(bad: FromClause) -> ColumnElement[bool]:
    gone = tables.contributions.alias("gone")
    return exists(
        select(1)
        .select_from(gone)
        .where(gone.c.customer == bad.c.customer, gone.c.time >= bad.c.time, LEFT)
        .correlate(bad)
    )
