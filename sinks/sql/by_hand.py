"""Reads what concerns care by hand: that care, who else was in such a situation, and scores."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Row, select

from schemas.care import CareDecision, Cause
from schemas.perception import Contribution
from sinks.sql import tables
from sinks.sql.engine import snapshot

_NOTICED = "touchpoint.pattern.noticed.v1"


@contextmanager
def records_by_hand(
    engine: Engine,
) -> Iterator[tuple[Iterator[CareDecision], Iterator[Contribution]]]:
    """Decisions that are recorded or have a trigger, and contributions of the customers cared for
    and of patterns, of one state of the database; to be read in this order."""
    with snapshot(engine) as connection:
        yield _decisions(connection), _contributions(connection)


def _decisions(connection: Connection) -> Iterator[CareDecision]:
    column = tables.decisions.c
    wanted = (column.outcome == "recorded") | (column.trigger != "")
    for row in connection.execute(select(tables.decisions).where(wanted)):
        yield CareDecision(
            id=row.id,
            action=row.action,
            customer=row.customer,
            cause=Cause(row.cause_source, row.cause_event),
            decided_at=row.decided_at,
            outcome=row.outcome,
            reason=row.reason,
            detail=row.detail,
            policy=row.policy,
            action_class=row.action_class,
            trigger=row.trigger,
            channel=row.channel,
            cost=row.cost,
        )


def _contributions(connection: Connection) -> Iterator[Contribution]:
    column = tables.contributions.c
    cared = select(tables.decisions.c.customer).where(tables.decisions.c.outcome == "recorded")
    wanted = column.customer.in_(cared) | (column.type == _NOTICED)
    for row in connection.execute(select(tables.contributions).where(wanted)):
        yield _contribution(row)


def _contribution(row: Row[tuple[object, ...]]) -> Contribution:
    return Contribution(
        event=row.event,
        source=row.source,
        type=row.type,
        touchpoint=row.touchpoint,
        time=row.time,
        customer=row.customer,
        tier=row.tier,
        intent=row.intent,
        felt=(),
        score_before=row.score_before,
        score_after=row.score_after,
        policy=row.policy,
    )
