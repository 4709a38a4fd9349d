"""Scores that change, in the store and in a feed, and subscriptions to them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from pipeline.adapters.http.ports import Change, Feed
from schemas.perception import Score
from schemas.subscriptions import ScoreCondition, ScoreNotice, Subscription
from schemas.topics import SCORES
from sinks.sql.rows import write_outputs
from sinks.sql.subscription_tables import deliveries
from tests.contract import outbound_samples as samples

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def soon(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_score(customer: str, value: float, **changes: Any) -> Score:
    score = samples.score(customer, 1)
    return msgspec.structs.replace(score, score=value, **changes)


def subscription(name: str = "s-1", **changes: Any) -> Subscription:
    values: dict[str, Any] = {
        "id": name,
        "name": name,
        "url": "https://crm.example/hooks",
        "condition": ScoreCondition(below=50.0),
        "created_at": NOW,
    }
    return Subscription(**{**values, **changes})


class Scores:
    """A ``ScoreFeed`` of what ``change`` wrote to the store; a cursor counts changes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.changes: list[Change] = []

    def change(self, customer: str, value: float, **changes: Any) -> None:
        self.write([a_score(customer, value, **changes)])

    def write(self, scores: Sequence[Score]) -> None:
        outputs = [(SCORES, each.customer.encode(), samples.encode(each)) for each in scores]
        with self._engine.begin() as connection:
            assert write_outputs(connection, outputs) == (len(scores), 0)
        self.changes += [Change("score", msgspec.to_builtins(each)) for each in scores]

    def feed(self, since: str | None, limit: int) -> Feed:
        place = len(self.changes) if since is None else int(since)
        shown = self.changes[place : place + limit]
        return Feed(shown, str(place + len(shown)))


def notices(engine: Engine) -> list[ScoreNotice]:
    """All notices that are kept, in the order in which they were made."""
    wanted = select(deliveries.c.body).order_by(deliveries.c.seq)
    with engine.connect() as connection:
        bodies = connection.execute(wanted).scalars().all()
    return [msgspec.json.decode(body, type=ScoreNotice) for body in bodies]


def told(engine: Engine) -> list[tuple[str, str, str, int]]:
    """Of each notice: subscription, customer, edge and number."""
    return [(n.subscription, n.customer, n.edge, n.crossing) for n in notices(engine)]
