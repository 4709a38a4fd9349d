"""What tells subscribers of changed scores: the store, the desk, and the work beside a server."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Engine

from pipeline.adapters.dispatch.outlet import Limits, Outlet
from pipeline.adapters.dispatch.port import SYSTEM_CLOCK
from pipeline.adapters.dispatch.webhook import WebhookChannel
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.adapters.subscriptions.follower import Follower
from pipeline.adapters.subscriptions.ports import ScoreFeed
from pipeline.adapters.subscriptions.sender import (
    LIMITS,
    TIMEOUT_SECONDS,
    Note,
    NoticeChannel,
    Sender,
)
from pipeline.adapters.subscriptions.work import SubscriptionWork
from pipeline.adapters.telemetry.metrics import Metrics
from schemas.deliveries import Target
from sinks.sql.deliveries import SqlDeliveries
from sinks.sql.subscriptions import SqlSubscriptions


class Subscriptions(NamedTuple):
    """``desk`` for the HTTP interface; ``work`` to be started, in as many processes as wanted."""

    desk: SubscriptionDesk
    work: SubscriptionWork


def make_subscriptions(
    engine: Engine, feed: ScoreFeed, metrics: Metrics, *, limits: Limits = LIMITS
) -> Subscriptions:
    """On ``engine`` (of ``make_engine``), whose schema is up to date; ``feed`` reads it."""
    store, deliveries = SqlSubscriptions(engine), SqlDeliveries(engine)
    clock = SYSTEM_CLOCK
    follower = Follower(
        store, feed, now=clock.now, crossed=lambda edge: metrics.notices.labels(edge).inc()
    )

    def make_sender() -> Sender:
        return Sender(
            deliveries,
            lambda target: make_outlet(target, limits),
            clock=clock,
            attempted=lambda result: metrics.notice_attempts.labels(result).inc(),
        )

    desk = SubscriptionDesk(store, deliveries, feed, now=clock.now)
    return Subscriptions(desk, SubscriptionWork(follower, make_sender))


@contextmanager
def telling(subscriptions: Subscriptions) -> Iterator[None]:
    """Subscribers are told while this lasts."""
    subscriptions.work.start()
    try:
        yield
    finally:
        subscriptions.work.stop()


def make_outlet(target: Target, limits: Limits = LIMITS) -> Outlet[Note]:
    """An outlet of one subscription; of the event loop that uses it."""
    webhook = WebhookChannel(
        target.url, target.secret, timeout_seconds=TIMEOUT_SECONDS, clock=SYSTEM_CLOCK
    )
    # No secret: it only spreads retries.
    chance = random.Random()  # noqa: S311
    return Outlet(
        target.subscription, NoticeChannel(webhook), limits, clock=SYSTEM_CLOCK, chance=chance
    )
