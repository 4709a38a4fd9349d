"""The ledger read with SQL: what became of proposals, by action and reason, and if it adds up.

A proposal is an id of ``decisions``: each one leaves at least one row, whatever becomes of it. Care
that staff gave on their own (``recorded``) is none, and ``settled`` only follows ``requested``.
"""

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import CTE, ColumnElement, Connection, Engine, and_, case, func, or_, select

from schemas.care import FINAL
from sinks.sql import tables
from sinks.sql.engine import snapshot

_FINAL: Final = tuple(sorted(FINAL))
_OPEN: Final = ("held", "proposed", "allocated")


class Balance(NamedTuple):
    """Proposals of one action: all of them, those that came to each final outcome, and the rest.

    ``open`` have no final outcome yet: they are held, with a campaign or allocated by it.
    """

    action: str
    proposed: int
    requested: int
    withheld: int
    not_funded: int
    expired: int
    open: int

    @property
    def holds(self) -> bool:
        """Whether suppressed, requested and open proposals are all proposals."""
        ended = self.requested + self.withheld + self.not_funded + self.expired
        return ended + self.open == self.proposed


class ReasonCount(NamedTuple):
    """Proposals of an action that came to ``outcome`` for ``reason``.

    Of those still open it is the last outcome that was new to them.
    """

    action: str
    outcome: str
    reason: str
    proposals: int


class Offender(NamedTuple):
    """A proposal that came to more than one final outcome; there must be none."""

    id: str
    customer: str
    outcomes: tuple[str, ...]


class Ledger(NamedTuple):
    """The ledger at one moment. ``offenders`` are the first of ``broken``, by id.

    Without offenders the counts of an action's reasons sum to what was proposed of it.
    """

    actions: tuple[Balance, ...]
    reasons: tuple[ReasonCount, ...]
    broken: int
    offenders: tuple[Offender, ...]

    @property
    def holds(self) -> bool:
        """Whether every proposal has at most one final outcome, and every action adds up."""
        return not self.broken and all(balance.holds for balance in self.actions)


def ledger_balance(
    engine: Engine,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    most_offenders: int = 20,
) -> Ledger:
    """Proposals that were first decided on in ``since <= time < until``, with all that became
    of them, by action in alphabetical order. Reads the whole table ``decisions``."""
    ids = _ids(since, until)
    with snapshot(engine) as connection:
        broken, offenders = _offenders(connection, ids, most_offenders)
        return Ledger(_balances(connection, ids), _reasons(connection, ids), broken, offenders)


def _ids(since: datetime | None, until: datetime | None) -> CTE:
    """One row per proposal: which final outcomes it has, and the row of its last other one."""
    column = tables.decisions.c
    counts = [_count(column.outcome == name).label(name) for name in _FINAL]
    wanted = (
        select(
            column.id,
            column.action,
            *counts,
            _count(column.outcome.in_(_FINAL)).label("finals"),
            func.max(case((column.outcome.in_(_OPEN), column.seq))).label("last"),
        )
        .where(column.outcome.in_((*_FINAL, *_OPEN)))
        .group_by(column.id, column.action)
    )
    if since is not None:
        wanted = wanted.having(func.min(column.decided_at) >= since)
    if until is not None:
        wanted = wanted.having(func.min(column.decided_at) < until)
    return wanted.cte("ids")


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _balances(connection: Connection, ids: CTE) -> tuple[Balance, ...]:
    column = ids.c
    wanted = (
        select(
            column.action,
            func.count().label("proposed"),
            *(func.sum(column[name]).label(name) for name in _FINAL),
            _count(column.finals == 0).label("open"),
        )
        .group_by(column.action)
        .order_by(column.action)
    )
    return tuple(
        # By name: the order of outcomes is ours. As int: PostgreSQL sums integers to decimals.
        Balance(row["action"], *(int(row[name]) for name in Balance._fields[1:]))
        for row in connection.execute(wanted).mappings()
    )


def _reasons(connection: Connection, ids: CTE) -> tuple[ReasonCount, ...]:
    column = tables.decisions.c
    came_to = or_(
        column.outcome.in_(_FINAL),
        and_(ids.c.finals == 0, column.seq == ids.c.last),
    )
    by = (column.action, column.outcome, column.reason)
    wanted = (
        select(*by, func.count())
        .join(ids, and_(ids.c.id == column.id, ids.c.action == column.action))
        .where(came_to)
        .group_by(*by)
        .order_by(*by)
    )
    return tuple(ReasonCount(*row) for row in connection.execute(wanted))


def _offenders(connection: Connection, ids: CTE, most: int) -> tuple[int, tuple[Offender, ...]]:
    column = tables.decisions.c
    # By id alone: an id that two actions have is a fault of the same kind.
    bad = select(ids.c.id).group_by(ids.c.id).having(func.sum(ids.c.finals) > 1).subquery("bad")
    count = connection.execute(select(func.count()).select_from(bad)).scalar_one()
    first = select(bad.c.id).order_by(bad.c.id).limit(most)
    rows = connection.execute(
        select(column.id, column.customer, column.outcome)
        .where(column.id.in_(first), column.outcome.in_(_FINAL))
        .order_by(column.id, column.seq)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for name, customer, outcome in rows:
        found.setdefault((name, customer), []).append(outcome)
    return count, tuple(Offender(*whose, tuple(outcomes)) for whose, outcomes in found.items())
