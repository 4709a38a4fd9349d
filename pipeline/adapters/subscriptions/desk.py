"""Where consumers subscribe: makes, pauses and tries out subscriptions, and has notices resent."""

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from pipeline.adapters.http.ports import Page
from pipeline.adapters.subscriptions.ports import DeliveryLog, Meet, ScoreFeed, SubscriptionStore
from pipeline.adapters.subscriptions.rules import cross, reading_of, trial_notice
from schemas.deliveries import Crossing, Standing
from schemas.subscriptions import Delivery, DeliveryStatus, NewSubscription, Subscription

SECRET_BYTES: Final = 32
"""Within the 24 to 64 that Standard Webhooks asks for."""


class Subscribed(NamedTuple):
    """A new subscription, and the secret by which its notices can be verified."""

    subscription: Subscription
    secret: str


class SubscriptionDesk:
    """Over what is kept. Methods block, as those of ``ReadModel``."""

    def __init__(
        self,
        store: SubscriptionStore,
        log: DeliveryLog,
        feed: ScoreFeed,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._log = log
        self._feed = feed
        self._now = now

    def subscribe(self, wanted: NewSubscription) -> Subscribed:
        """When this returns, every later crossing will be told."""
        subscription = Subscription(
            id=str(uuid.uuid4()),
            name=wanted.name,
            url=wanted.url,
            condition=wanted.condition.condition(),
            created_at=self._now(),
        )
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
        told = _meet(subscription.id) if wanted.backfill else None
        self._store.add(subscription, secret, start=self._start(), told=told)
        return Subscribed(subscription, secret)

    def all(self) -> Sequence[Subscription]:
        return self._store.all()

    def get(self, subscription: str) -> Subscription | None:
        return self._store.get(subscription)

    def set_active(self, subscription: str, active: bool) -> Subscription | None:
        """Pause it, or let it go on: then it is told what it missed. ``None`` if there is none."""
        return self._store.set_active(
            subscription, active, now=self._now(), start=self._start(), told=_meet(subscription)
        )

    def remove(self, subscription: str) -> bool:
        """Delete it with all its deliveries; whether there was one."""
        return self._store.remove(subscription)

    def try_out(self, subscription: str) -> str | None:
        """Have a test notice sent; returns its id, ``None`` if there is no such subscription."""
        if self._store.get(subscription) is None:
            return None
        now = self._now()
        notice = trial_notice(str(uuid.uuid4()), subscription, now)
        body = msgspec.json.encode(notice)
        self._log.add_delivery(notice.id, subscription, notice.customer, body=body, now=now)
        return notice.id

    def deliveries(
        self, subscription: str, limit: int, *, status: DeliveryStatus | None, before: str | None
    ) -> Page:
        """Newest first. ``ValueError`` if ``before`` is no cursor."""
        return self._log.deliveries(subscription, limit, status=status, before=before)

    def redeliver(self, delivery: str) -> Delivery | None:
        """Have it sent again from the beginning, with the same id; ``None`` if unknown."""
        return self._log.redeliver(delivery, self._now())

    def _start(self) -> str:
        return self._feed.feed(None, 1).next


def _meet(subscription: str) -> Meet:
    def met(row: Mapping[str, object], before: Standing) -> Crossing:
        return cross(subscription, reading_of(row), before)

    return met
