"""Keeps what is to be sent to subscribers: who may send it now, and what became of it."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, Row, case, delete, insert, literal, select, tuple_, update

from schemas.deliveries import Claim, Outcome, Target
from schemas.subscriptions import Delivery, DeliveryStatus
from sinks.sql.engine import read_only
from sinks.sql.subscription_tables import deliveries, subscriptions
from sinks.sql.tables import time_text

_MAX_CURSOR_CHARACTERS: Final = 100
_SHOWN: Final = tuple(deliveries.c[name] for name in (*Delivery.__struct_fields__, "seq"))


class DeliveryPage(NamedTuple):
    """Deliveries, newest first, and the cursor of the next page, ``None`` at the end."""

    items: list[Delivery]
    next: str | None


class SqlDeliveries:
    """Over ``engine`` (of ``make_engine``). Each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = read_only(engine)

    def due(self, now: datetime) -> list[str]:
        """Active subscriptions that have something to be sent now."""
        column = deliveries.c
        waits = select(column.seq).where(
            column.status == "waiting",
            column.subscription == subscriptions.c.id,
            column.next_at <= now,
        )
        wanted = select(subscriptions.c.id).where(subscriptions.c.active, waits.exists())
        with self._reading.connect() as connection:
            return list(connection.execute(wanted).scalars())

    def target(self, subscription: str) -> Target | None:
        """Where its notices go and what they are signed with; ``None`` if there is none."""
        column = subscriptions.c
        wanted = select(column.url, column.secret).where(column.id == subscription)
        with self._reading.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else Target(subscription, row.url, row.secret)

    def claim(
        self, subscription: str, now: datetime, *, until: datetime, limit: int
    ) -> list[Claim]:
        """Take what is due, the longest waiting first; nobody else is given it ``until`` then."""
        column = deliveries.c
        wanted = (
            select(column.seq, column.id, column.body, column.attempts, column.since)
            .where(
                column.status == "waiting",
                column.subscription == subscription,
                column.next_at <= now,
            )
            .order_by(column.next_at, column.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has no such thing, and one writer
        )
        with self._engine.begin() as connection:
            rows = connection.execute(wanted).all()
            if rows:
                connection.execute(
                    update(deliveries)
                    .where(column.seq.in_([row.seq for row in rows]))
                    .values(claimed_until=until, next_at=until)
                )
        return [Claim(row.id, row.body, row.attempts, row.since, until) for row in rows]

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what came of claims. One that ran out in the meantime counts only if it is done."""
        if not outcomes:
            return
        column = deliveries.c
        with self._engine.begin() as connection:
            # In one order: two processes never wait for each other.
            for each in sorted(outcomes, key=lambda outcome: outcome.claim.id):
                wanted = update(deliveries).where(
                    column.id == each.claim.id, column.status == "waiting"
                )
                if each.status != "done":
                    wanted = wanted.where(column.claimed_until == each.claim.until)
                values: dict[str, object] = {
                    "status": each.status,
                    "attempts": each.attempts,
                    "next_at": each.next_at,
                    "claimed_until": None,
                    "settled_at": None if each.status == "waiting" else each.at,
                }
                if each.detail is not None:
                    values["last_detail"] = each.detail
                connection.execute(wanted.values(values))

    def forget(self, before: datetime, limit: int) -> int:
        """Delete deliveries that were settled before then, at most ``limit``; returns how many."""
        column = deliveries.c
        old = select(column.seq).where(column.settled_at < before).limit(limit)
        with self._reading.connect() as connection:
            found = list(connection.execute(old).scalars())
        if found:
            with self._engine.begin() as connection:
                # Again by their time: one may have been asked for once more.
                gone = delete(deliveries).where(column.seq.in_(found), column.settled_at < before)
                connection.execute(gone)
        return len(found)

    def add_delivery(
        self, delivery: str, subscription: str, customer: str, *, body: bytes, now: datetime
    ) -> None:
        """Have a notice sent that is no crossing."""
        with self._engine.begin() as connection:
            row = waiting(delivery, subscription, customer, body, now)
            connection.execute(insert(deliveries).values(row))

    def deliveries(
        self, subscription: str, limit: int, *, status: DeliveryStatus | None, before: str | None
    ) -> DeliveryPage:
        """Newest first. ``ValueError`` if ``before`` is no cursor."""
        column = deliveries.c
        wanted = select(*_SHOWN).where(column.subscription == subscription)
        if status is not None:
            wanted = wanted.where(column.status == status)
        if before is not None:
            time, seq = _read_cursor(before)
            last = tuple_(literal(time, column.created_at.type), seq)
            wanted = wanted.where(tuple_(column.created_at, column.seq) < last)
        wanted = wanted.order_by(column.created_at.desc(), column.seq.desc()).limit(limit + 1)
        with self._reading.connect() as connection:
            rows = connection.execute(wanted).all()
        shown = rows[:limit]
        cursor = _cursor(shown[-1]) if len(rows) > limit and shown else None
        return DeliveryPage([_delivery(row) for row in shown], cursor)

    def redeliver(self, delivery: str, now: datetime) -> Delivery | None:
        """Have it sent again from the beginning, whatever became of it; ``None`` if unknown.

        One that is just being sent is left to that attempt.
        """
        column = deliveries.c
        under_way = column.claimed_until > now
        again = (
            update(deliveries)
            .where(column.id == delivery)
            .values(
                status="waiting",
                attempts=0,
                since=now,
                next_at=case((under_way, column.next_at), else_=now),
                settled_at=None,
            )
        )
        with self._engine.begin() as connection:
            connection.execute(again)
            row = connection.execute(select(*_SHOWN).where(column.id == delivery)).one_or_none()
        return None if row is None else _delivery(row)


def waiting(
    delivery: str, subscription: str, customer: str, body: bytes, now: datetime
) -> dict[str, object]:
    """The row of a notice that is to be sent at once."""
    return {
        "id": delivery,
        "subscription": subscription,
        "customer": customer,
        "body": body,
        "status": "waiting",
        "attempts": 0,
        "since": now,
        "next_at": now,
        "created_at": now,
    }


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{name: row._mapping[name] for name in Delivery.__struct_fields__})


def _cursor(row: Row[Any]) -> str:
    text = f"{time_text(row.created_at)} {row.seq}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        if len(cursor) > _MAX_CURSOR_CHARACTERS:
            raise ValueError(f"{len(cursor)} characters")
        padded = cursor + "=" * (-len(cursor) % 4)
        time, seq = base64.urlsafe_b64decode(padded.encode()).decode().split(" ")
        moment, number = datetime.fromisoformat(time), int(seq)
        if moment.tzinfo is None or not 0 <= number < 2**63:
            raise ValueError(f"{time} {seq}")
    except (ValueError, binascii.Error) as error:
        raise ValueError("before: not a cursor; take it from the page before") from error
    return moment, number
