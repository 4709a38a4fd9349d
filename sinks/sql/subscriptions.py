"""Keeps subscriptions, how customers stand with them, and how far scores were followed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from schemas.deliveries import Crossing, Standing, Turn
from schemas.subscriptions import ScoreCondition, Subscription
from sinks.sql.deliveries import waiting
from sinks.sql.engine import read_only
from sinks.sql.subscription_tables import (
    deliveries,
    subscription_cursor,
    subscription_matches,
    subscriptions,
)
from sinks.sql.tables import scores

Meet = Callable[[Mapping[str, object], Standing], Crossing]

_CURSOR: Final = "scores"
_CHUNK: Final = 500
_TOLD: Final = (
    *("customer", "score", "baseline", "band", "ratio", "confidence", "tier", "as_of"),
    *("merged_into", "policy_name", "policy_version", "policy_digest"),
)


class SqlSubscriptions:
    """Over ``engine`` (of ``make_engine``). Each call is one transaction.

    The row of the cursor is written first in each that changes who is told what: of two at once
    one waits for the other, and scores are read only then, so none falls between them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = read_only(engine)

    def all(self) -> list[Subscription]:
        """Every subscription, oldest first."""
        with self._reading.connect() as connection:
            rows = connection.execute(select(subscriptions).order_by(subscriptions.c.seq)).all()
        return [_subscription(row) for row in rows]

    def get(self, subscription: str) -> Subscription | None:
        with self._reading.connect() as connection:
            return _find(connection, subscription)

    def add(
        self, subscription: Subscription, secret: str, *, start: str, told: Meet | None
    ) -> None:
        """Keep a new one, which follows from the cursor ``start`` on.

        Who matches already is told of by way of ``told``, or only noted.
        """
        kept: dict[str, Any] = msgspec.structs.asdict(subscription)
        kept |= {"secret": secret, "condition": msgspec.to_builtins(subscription.condition)}
        with self._engine.begin() as connection:
            _take_turn(connection, start)
            connection.execute(insert(subscriptions).values(kept))
            if told is None:
                _note_who_matches(connection, subscription)
            else:
                _compare(connection, subscription, told, subscription.created_at)

    def set_active(
        self, subscription: str, active: bool, *, now: datetime, start: str, told: Meet
    ) -> Subscription | None:
        """Pause it or let it go on; what it missed is told then. ``None`` if there is none."""
        column = subscriptions.c
        with self._engine.begin() as connection:
            _take_turn(connection, start)
            connection.execute(
                update(subscriptions).where(column.id == subscription).values(active=active)
            )
            found = _find(connection, subscription)
            if found is not None and active:
                _compare(connection, found, told, now)
            return found

    def remove(self, subscription: str) -> bool:
        """Delete it with all its deliveries; whether there was one."""
        with self._engine.begin() as connection:
            connection.execute(_next_turn())  # whoever is just following it is told off
            for table in (subscription_matches, deliveries):
                connection.execute(delete(table).where(table.c.subscription == subscription))
            column = subscriptions.c.id
            gone = connection.execute(delete(subscriptions).where(column == subscription))
            return gone.rowcount > 0

    def turn(self) -> Turn | None:
        """How far scores were followed; ``None`` while no subscription is active."""
        column = subscription_cursor.c
        any_active = select(subscriptions.c.seq).where(subscriptions.c.active).exists()
        wanted = select(column.turn, column.cursor).where(column.name == _CURSOR, any_active)
        with self._reading.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else Turn(row.turn, row.cursor)

    @contextmanager
    def advance(self, turn: Turn, cursor: str) -> "Iterator[SqlStep | None]":
        """Move the cursor from where ``turn`` has it; ``None`` if another was first."""
        move = _next_turn().where(subscription_cursor.c.turn == turn.number)
        with self._engine.begin() as connection:
            moved = connection.execute(move.values(cursor=cursor))
            yield SqlStep(connection) if moved.rowcount == 1 else None


class SqlStep:
    """One transaction that moved the cursor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def active(self) -> list[Subscription]:
        wanted = select(subscriptions).where(subscriptions.c.active).order_by(subscriptions.c.seq)
        return [_subscription(row) for row in self._connection.execute(wanted)]

    def standings(self, customers: Sequence[str]) -> dict[tuple[str, str], Standing]:
        """How ``customers`` stand, by subscription and customer."""
        column = subscription_matches.c
        wanted = select(subscription_matches).where(
            # By the key: there is no index by customer alone.
            column.subscription.in_(select(subscriptions.c.id)),
            column.customer.in_(customers),
        )
        return {
            (row.subscription, row.customer): Standing(row.matches, row.crossings)
            for row in self._connection.execute(wanted)
        }

    def write(self, crossings: Sequence[Crossing], now: datetime) -> None:
        """Keep the standings, and the notices as deliveries to be sent."""
        if not crossings:
            return
        # Of several crossings of a customer in one step the last one stands.
        last = {(each.subscription, each.customer): each.standing for each in crossings}
        rows = [
            {"subscription": s, "customer": c, "matches": to.matches, "crossings": to.crossings}
            for (s, c), to in last.items()
        ]
        kind = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        added = kind.insert(subscription_matches)
        changed = {name: added.excluded[name] for name in ("matches", "crossings")}
        key = ["subscription", "customer"]
        self._connection.execute(
            added.on_conflict_do_update(index_elements=key, set_=changed), rows
        )
        encode = msgspec.json.encode
        self._connection.execute(
            insert(deliveries),
            [
                waiting(each.notice.id, each.subscription, each.customer, encode(each.notice), now)
                for each in crossings
            ],
        )


def _take_turn(connection: Connection, start: str) -> None:
    """Have the cursor's row, and following begin at ``start`` if nobody follows yet."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = kind.insert(subscription_cursor).values(name=_CURSOR, cursor=start, turn=0)
    connection.execute(first.on_conflict_do_nothing())
    connection.execute(_next_turn())
    active = select(func.count()).select_from(subscriptions).where(subscriptions.c.active)
    if connection.execute(active).scalar_one() == 0:
        connection.execute(update(subscription_cursor).values(cursor=start))


def _next_turn() -> Any:
    column = subscription_cursor.c
    return update(subscription_cursor).where(column.name == _CURSOR).values(turn=column.turn + 1)


def _note_who_matches(connection: Connection, subscription: Subscription) -> None:
    matching = select(literal(subscription.id), scores.c.customer, true(), literal(1)).where(
        _holds(subscription.condition)
    )
    names = ["subscription", "customer", "matches", "crossings"]
    connection.execute(insert(subscription_matches).from_select(names, matching))


def _compare(connection: Connection, subscription: Subscription, told: Meet, now: datetime) -> None:
    """Tell of every customer who stands otherwise than was last known."""
    column, holds = subscription_matches.c, _holds(subscription.condition)
    known = func.coalesce(column.matches, false())
    joined = scores.outerjoin(
        subscription_matches,
        and_(column.subscription == subscription.id, column.customer == scores.c.customer),
    )
    wanted = (
        select(*(scores.c[name] for name in _TOLD), column.matches, column.crossings)
        .select_from(joined)
        .where(or_(and_(holds, ~known), and_(~holds, known)))
        .order_by(scores.c.customer)
        .limit(_CHUNK)
    )
    step, behind = SqlStep(connection), wanted
    while rows := connection.execute(behind).all():
        crossed = [
            told(_told(row), Standing(bool(row.matches), row.crossings or 0)) for row in rows
        ]
        step.write(crossed, now)
        behind = wanted.where(scores.c.customer > rows[-1].customer)


def _holds(condition: ScoreCondition) -> ColumnElement[bool]:
    """The rule of ``ScoreCondition`` in SQL; a test holds the two together."""
    column = scores.c
    parts = [column.merged_into.is_(None), column.confidence >= condition.min_confidence]
    if condition.below is not None:
        parts.append(column.score < condition.below)
    if condition.above is not None:
        parts.append(column.score > condition.above)
    if condition.bands:
        parts.append(column.band.in_(condition.bands))
    if condition.tiers:
        parts.append(column.tier.in_(condition.tiers))
    return and_(*parts)


def _told(row: Row[Any, *tuple[Any, ...]]) -> dict[str, object]:
    """A row of scores as the contract ``Score`` has it, as far as notices tell it."""
    told = {name: row._mapping[name] for name in _TOLD}
    names = ("name", "version", "digest")
    told["policy"] = {name: told.pop(f"policy_{name}") for name in names}
    return told


def _find(connection: Connection, subscription: str) -> Subscription | None:
    wanted = select(subscriptions).where(subscriptions.c.id == subscription)
    row = connection.execute(wanted).one_or_none()
    return None if row is None else _subscription(row)


def _subscription(row: Row[Any]) -> Subscription:
    names = Subscription.__struct_fields__
    return msgspec.convert({name: row._mapping[name] for name in names}, Subscription)
