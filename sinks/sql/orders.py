"""Orders for actions as rows: what people want done, and how the actions stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    Row,
    Table,
    Text,
    select,
)

from schemas.care import CareOrder
from sinks.sql import bulk, tables
from sinks.sql.engine import read_only

orders = Table(
    "orders",
    tables.metadata,
    # The order in which they came in: that in which they were given, of one action.
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("order", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", tables.UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Index("orders_id", "id", unique=True),
    Index("orders_action", "action", "seq"),
)
"""Every order that was given, in the order given; an id is there once."""


def order_row(order: CareOrder) -> bulk.Row:
    return (
        order.id,
        order.action,
        order.customer,
        order.order,
        order.by,
        tables.time_text(order.at),
        order.reason,
    )


SETTLED: Final = ("settled",)
REFUSED: Final = ("withheld", "not_funded", "expired", "recorded")
"""Of what never became an action."""


class Outcome(NamedTuple):
    """How an action ended: ``result`` is ``done``, ``failed``, ``suppressed`` or ``expired``.

    Of a proposal that became none ``withheld``, ``not_funded``, ``expired`` or ``recorded``.
    """

    result: str
    detail: str
    at: datetime


class ActionState(NamedTuple):
    """How an action stands; ``outcome`` is ``None`` while it is not told to be done."""

    id: str
    customer: str
    outcome: Outcome | None
    orders: Sequence[CareOrder]


class OrderBook:
    """Reads and writes over ``engine`` (of ``make_engine``); each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reads = read_only(engine)

    def of_action(self, action: str) -> Sequence[CareOrder]:
        """The orders for an action, in the order given."""
        with self._reads.connect() as connection:
            return _of_action(connection, action)

    def find(self, identity: str) -> CareOrder | None:
        """The order of this id."""
        wanted = select(orders).where(orders.c.id == identity)
        with self._reads.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else _order(row)

    def state(self, action: str) -> ActionState | None:
        """How an action stands, or a proposal of this id that may become one; ``None`` if there
        is neither. An order for a proposal counts once that is an action."""
        decisions = tables.decisions
        wanted = select(decisions).where(decisions.c.id == action).order_by(decisions.c.seq)
        asked = select(tables.actions.c.customer).where(tables.actions.c.id == action)
        with self._reads.connect() as connection:
            steps = connection.execute(wanted).mappings().all()
            customer = connection.execute(asked).scalar_one_or_none()
            final = SETTLED if customer is not None else REFUSED
            if customer is None and steps:
                customer = steps[0]["customer"]
            if customer is None:
                return None
            ended = next((step for step in steps if step["outcome"] in final), None)
            outcome = None
            if ended is not None:
                result = ended["reason" if ended["outcome"] == "settled" else "outcome"]
                outcome = Outcome(result, ended["detail"], ended["decided_at"])
            return ActionState(action, customer, outcome, _of_action(connection, action))

    def add(self, order: CareOrder) -> CareOrder:
        """Write an order; returns the one that is there under its id, the first one given."""
        with self._engine.begin() as connection:
            bulk.add_new(connection, orders, [order_row(order)], key=["id"])
            row = connection.execute(select(orders).where(orders.c.id == order.id)).one()
        return _order(row)


def _of_action(connection: Connection, action: str) -> Sequence[CareOrder]:
    wanted = select(orders).where(orders.c.action == action).order_by(orders.c.seq)
    return [_order(row) for row in connection.execute(wanted)]


def _order(row: Row[Any]) -> CareOrder:
    values: Mapping[Any, Any] = row._mapping
    return msgspec.convert({name: values[name] for name in CareOrder.__struct_fields__}, CareOrder)
