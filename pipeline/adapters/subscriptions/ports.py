"""What telling subscribers needs from behind it: what changed, and a store of their own.

Methods block; whoever has an event loop calls them in a thread.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from pipeline.adapters.http.ports import Feed, Page
from schemas.deliveries import Claim, Crossing, Outcome, Standing, Target, Turn
from schemas.subscriptions import Delivery, DeliveryStatus, Subscription

Meet = Callable[[Mapping[str, object], Standing], Crossing]
"""The crossing that a row of a score is, for a customer who stood otherwise before."""


class ScoreFeed(Protocol):
    """See ``pipeline.adapters.http.ports.History``."""

    def feed(self, since: str | None, limit: int) -> Feed: ...


class Step(Protocol):
    """One transaction that moved the cursor; what is read and written in it stands or falls."""

    def active(self) -> Sequence[Subscription]: ...

    def standings(self, customers: Sequence[str]) -> Mapping[tuple[str, str], Standing]:
        """How ``customers`` stand, by subscription and customer."""
        ...

    def write(self, crossings: Sequence[Crossing], now: datetime) -> None:
        """Keep the standings, and the notices as deliveries to be sent."""
        ...


class FollowStore(Protocol):
    """What following scores keeps."""

    def turn(self) -> Turn | None:
        """How far scores were followed; ``None`` while no subscription is active."""
        ...

    def advance(self, turn: Turn, cursor: str) -> AbstractContextManager[Step | None]:
        """Move the cursor from where ``turn`` has it; ``None`` if another was first."""
        ...


class DeliveryStore(Protocol):
    """What sending keeps. A claim that is not settled runs out, and is another's."""

    def due(self, now: datetime) -> Sequence[str]:
        """Active subscriptions that have something to be sent now."""
        ...

    def target(self, subscription: str) -> Target | None: ...

    def claim(
        self, subscription: str, now: datetime, *, until: datetime, limit: int
    ) -> Sequence[Claim]:
        """Take what is due, the longest waiting first; nobody else is given it ``until`` then."""
        ...

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what came of claims. One that ran out in the meantime counts only if it is done."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete deliveries that were settled before then, at most ``limit``; returns how many."""
        ...


class SubscriptionStore(Protocol):
    """Who is told of what."""

    def all(self) -> Sequence[Subscription]:
        """Every subscription, oldest first."""
        ...

    def get(self, subscription: str) -> Subscription | None: ...

    def add(
        self, subscription: Subscription, secret: str, *, start: str, told: Meet | None
    ) -> None:
        """Keep a new one, which follows from ``start``, a cursor of now, on.

        Who matches already is told of by way of ``told``, or only noted.
        """
        ...

    def set_active(
        self, subscription: str, active: bool, *, now: datetime, start: str, told: Meet
    ) -> Subscription | None:
        """Pause it or let it go on; what it missed is told then. ``None`` if there is none."""
        ...

    def remove(self, subscription: str) -> bool:
        """Delete it with all its deliveries; whether there was one."""
        ...


class DeliveryLog(Protocol):
    """What was sent to subscribers, and will be."""

    def add_delivery(
        self, delivery: str, subscription: str, customer: str, *, body: bytes, now: datetime
    ) -> None:
        """Have a notice sent that is no crossing."""
        ...

    def deliveries(
        self, subscription: str, limit: int, *, status: DeliveryStatus | None, before: str | None
    ) -> Page:
        """``Delivery`` rows, newest first. ``ValueError`` if ``before`` is no cursor."""
        ...

    def redeliver(self, delivery: str, now: datetime) -> Delivery | None:
        """Have it sent again from the beginning, whatever became of it; ``None`` if unknown."""
        ...
