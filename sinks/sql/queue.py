"""The care queue as rows: whose clock runs out next, what waits for a person, what is under way."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, and_, exists, func, or_, select

from schemas.queue import OpenCases, Proposals, ToDecide, Wait
from sinks.sql import tables
from sinks.sql.engine import read_only
from sinks.sql.orders import REFUSED, SETTLED, orders
from sinks.sql.pages import Item, item_of

_ENDS: Final = (*SETTLED, *REFUSED)


class CareQueue:
    """Reads over ``engine`` (of ``make_engine``), as of the moment of each statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = read_only(engine)

    def open_cases(self, limit: int, *, now: datetime, soon: datetime) -> OpenCases:
        """Those due first; counts are of all, not only of the ``limit`` that are returned."""
        case = tables.cases.c
        is_open = case.status == "open"
        first = (
            select(tables.cases)
            .where(is_open)
            .order_by(case.next_due.asc().nulls_last(), case.opened_at, case.seq)
            .limit(limit)
        )
        counted = select(
            func.count(),
            func.count().filter(case.next_due < now),
            func.count().filter(and_(case.next_due >= now, case.next_due < soon)),
        ).where(is_open)
        with self._engine.connect() as connection:
            items = [item_of(row) for row in connection.execute(first)]
            total, overdue, near = connection.execute(counted).one()
        return OpenCases(items, total, overdue, near)

    def latest(self, limit: int) -> Proposals:
        """The ``limit`` newest steps of what somebody may decide about.

        What is ``required``, such as an alert, is left out: it would push out all else.
        """
        decision = tables.decisions.c
        newest = (
            select(tables.decisions)
            .where(tables.OF_CHOICE)
            .order_by(decision.decided_at.desc(), decision.seq.desc())
            .limit(limit + 1)
        )
        with self._engine.connect() as connection:
            return _proposals(connection, newest, limit)

    def to_decide(self, limit: int) -> ToDecide:
        """The ``limit`` newest that need approval, and as many that are held; a held one that
        also needs approval is held."""
        decision = tables.decisions.c
        with self._engine.connect() as connection:
            # One more than is wanted: it tells whether there are more.
            held = connection.execute(_held(limit + 1)).all()
            asked = connection.execute(_asked(limit + 1)).all()
            waits = [Wait(row[0], "held", *row[1:]) for row in held[:limit]]
            known = {wait.id for wait in waits}
            waits += [
                Wait(row.id, "approval", row.decided_at)
                for row in asked[:limit]
                if row.id not in known
            ]
            steps = (
                select(tables.decisions)
                .where(decision.id.in_([wait.id for wait in waits]))
                .order_by(decision.decided_at.desc(), decision.seq.desc())
            )
            proposals = _proposals(connection, steps, None)
        waits.sort(key=lambda wait: wait.at)
        return ToDecide(waits, proposals, more=max(len(held), len(asked)) > limit)


def _asked(limit: int) -> Select[Any]:
    """Actions that nobody has approved; id and time."""
    action = tables.actions.c
    answered = exists().where(
        orders.c.action == action.id, orders.c.order.in_(("approve", "cancel"))
    )
    return (
        select(action.id, action.decided_at)
        .where(tables.NEEDS_APPROVAL, ~answered, ~_ended(action.id))
        .order_by(action.decided_at.desc(), action.seq.desc())
        .limit(limit)
    )


def _held(limit: int) -> Select[Any]:
    """What somebody holds; id, time, who and why. See ``dispatch.orders.standing``."""
    hold, later = orders.alias(), orders.alias()
    undone = exists().where(
        later.c.action == hold.c.action,
        or_(
            later.c.order == "cancel",
            and_(later.c.seq > hold.c.seq, later.c.order.in_(("hold", "release", "approve"))),
        ),
    )
    return (
        select(hold.c.action, hold.c.at, hold.c.by, hold.c.reason)
        .where(hold.c.order == "hold", ~undone, ~_ended(hold.c.action))
        .order_by(hold.c.seq.desc())
        .limit(limit)
    )


def _ended(identity: Any) -> Any:
    decision = tables.decisions.c
    return exists().where(decision.id == identity, decision.outcome.in_(_ENDS))


def _proposals(connection: Connection, steps: Select[Any], limit: int | None) -> Proposals:
    rows = connection.execute(steps).all()
    decisions = [item_of(row) for row in rows[:limit]]
    ids = {str(item["id"]) for item in decisions}
    return Proposals(decisions, _actions(connection, ids), more=len(decisions) < len(rows))


def _actions(connection: Connection, ids: Collection[str]) -> list[Item]:
    wanted: Sequence[str] = sorted(ids)
    found = select(tables.actions).where(tables.actions.c.id.in_(wanted))
    return [item_of(row) for row in connection.execute(found)]
