"""What became of care, and what staff did on their own: counts and sums by SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    CTE,
    Connection,
    Float,
    Select,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    text,
)

from schemas.insight_rows import ActionSums, Arm, CaredFor
from sinks.sql import tables

HELD_OUT: Final = "hold_out"
"""The reason of a decision to withhold that an experiment made."""


# Of the aliases below; to the letter, for the partial indexes.
_OF_CHOICE: Final = text(f"asked.{tables.OF_CHOICE.text}")
_ABOUT: Final = text(f"touch.{tables.ABOUT.text}")


def actions(connection: Connection, *, since: datetime, until: datetime) -> Sequence[ActionSums]:
    """By action, without what is required: that is done whatever it costs."""
    column = tables.decisions.c
    wanted = _requested(since, until).subquery("requested")
    gained = _gained(connection, since, until)
    counts: dict[str, tuple[int, int, float, float]] = {
        row.action: (int(row.requested), int(row.settled), float(row.cost), float(row.gain))
        for row in connection.execute(
            select(
                wanted.c.action,
                func.count().label("requested"),
                func.count(wanted.c.settled).label("settled"),
                func.sum(wanted.c.cost).label("cost"),
                func.sum(wanted.c.expected_gain).label("gain"),
            ).group_by(wanted.c.action)
        )
    }
    stopped = connection.execute(
        select(column.action, func.count())
        .where(tables.OF_CHOICE, column.outcome == "withheld")
        .where(column.decided_at >= since, column.decided_at < until)
        .group_by(column.action)
    )
    withheld = {action: int(count) for action, count in stopped}
    found = []
    for action in sorted({*counts, *withheld}):
        requested, settled, cost, gain = counts.get(action, (0, 0, 0.0, 0.0))
        found.append(
            ActionSums(
                action=action,
                requested=requested,
                settled=settled,
                withheld=withheld.get(action, 0),
                cost=cost,
                expected_gain=gain,
                gained=gained.get(action, 0.0),
            )
        )
    return found


def _requested(since: datetime, until: datetime) -> Select[tuple[object, ...]]:
    """Requests of the span, each with what it cost in the end where that was reported."""
    asked, done = tables.decisions.alias("asked"), tables.decisions.alias("done")
    return (
        select(
            asked.c.action,
            asked.c.expected_gain,
            done.c.id.label("settled"),
            case((done.c.cost > 0, done.c.cost), else_=asked.c.cost).label("cost"),
        )
        .select_from(
            asked.outerjoin(done, and_(done.c.id == asked.c.id, done.c.outcome == "settled"))
        )
        .where(
            _OF_CHOICE,
            asked.c.outcome == "requested",
            asked.c.decided_at >= since,
            asked.c.decided_at < until,
        )
    )


def _gained(connection: Connection, since: datetime, until: datetime) -> dict[str, float]:
    """Points moved by the touches that carried the requests of the span out, by action."""
    asked, touch = tables.decisions.alias("asked"), tables.contributions.alias("touch")
    wanted = (
        select(asked.c.action, func.sum(touch.c.score_after - touch.c.score_before))
        .select_from(
            asked.join(
                touch,
                and_(
                    _ABOUT,
                    touch.c.time >= since,
                    touch.c.about == asked.c.id,
                ),
            )
        )
        .where(
            _OF_CHOICE,
            asked.c.outcome == "requested",
            asked.c.decided_at >= since,
            asked.c.decided_at < until,
        )
        .group_by(asked.c.action)
    )
    return {action: float(total or 0.0) for action, total in connection.execute(wanted)}


def arms(
    connection: Connection, *, since: datetime, until: datetime, read_at: datetime
) -> Sequence[Arm]:
    scored = _scored(since, until, read_at)
    score = scored.c.score
    wanted = (
        select(
            scored.c.action,
            scored.c.held_out,
            func.count().label("customers"),
            func.count(score).label("scored"),
            func.sum(score).label("total"),
            func.sum(score * score).label("squares"),
            func.avg(cast(scored.c.expected_gain, Float)).label("gain"),
        )
        .group_by(scored.c.action, scored.c.held_out)
        .order_by(scored.c.action, scored.c.held_out)
    )
    found = []
    for row in connection.execute(wanted):
        mean = row.total / row.scored if row.scored else None
        variance = None
        if mean is not None and row.scored > 1:
            # Scores lie in [0, 100]: their squares are told apart well enough.
            variance = max(row.squares - row.scored * mean * mean, 0.0) / (row.scored - 1)
        found.append(
            Arm(
                action=row.action,
                held_out=bool(row.held_out),
                customers=row.customers,
                scored=row.scored,
                mean=mean,
                variance=variance,
                expected_gain=float(row.gain or 0.0),
            )
        )
    return found


def _scored(since: datetime, until: datetime, read_at: datetime) -> CTE:
    """Each customer once by action, as first decided on, with the score last known by then."""
    column = tables.decisions.c
    in_span = and_(column.decided_at >= since, column.decided_at < until)
    held_out = and_(column.outcome == "withheld", column.reason == HELD_OUT)
    tried = select(column.action).where(held_out, in_span).distinct()
    ranked = (
        select(
            column.action,
            column.customer,
            column.expected_gain,
            case((column.outcome == "withheld", 1), else_=0).label("held_out"),
            func.row_number()
            .over(
                partition_by=(column.action, column.customer),
                order_by=(column.decided_at, column.seq),
            )
            .label("rank"),
        )
        .where(in_span, or_(column.outcome == "requested", held_out), column.action.in_(tried))
        .subquery("ranked")
    )
    touch = tables.contributions.alias("touch")
    later = (
        select(touch.c.score_after)
        .where(touch.c.customer == ranked.c.customer, touch.c.time < read_at)
        .where(touch.c.score_after.is_not(None))
        .order_by(touch.c.time.desc(), touch.c.seq.desc())
        .limit(1)
        .correlate(ranked)
        .scalar_subquery()
    )
    return (
        select(ranked.c.action, ranked.c.held_out, ranked.c.expected_gain, later.label("score"))
        .where(ranked.c.rank == 1)
        .cte("scored")
        # Else PostgreSQL looks each score up once for every sum over it.
        .prefix_with("MATERIALIZED")
    )


def cared_for(connection: Connection, *, since: datetime, until: datetime) -> Sequence[CaredFor]:
    column = tables.decisions.c
    by = (column.action, column.reason, column.trigger, column.customer)
    wanted = (
        select(*by, func.count(), func.sum(column.cost))
        .where(column.outcome == "recorded", column.decided_at >= since, column.decided_at < until)
        .group_by(*by)
        .order_by(*by)
    )
    return [
        CaredFor(care, because, trigger, customer, int(times), float(cost))
        for care, because, trigger, customer, times, cost in connection.execute(wanted)
    ]
