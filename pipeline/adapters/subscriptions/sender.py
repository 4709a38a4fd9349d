"""Sends what is due to subscribers, each over an outlet of its own, and keeps what came of it.

Whoever sends has a claim on the delivery that runs out: what a killed process had under way is sent
again by the next one, with the same id.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pipeline.adapters.dispatch.outlet import Limits, Outlet, QueueFull
from pipeline.adapters.dispatch.port import Clock, Done, Failed, Settled
from pipeline.adapters.dispatch.webhook import WebhookChannel
from pipeline.adapters.subscriptions.ports import DeliveryStore
from schemas.deliveries import Claim, Outcome, Target

log = logging.getLogger(__name__)

WINDOW: Final = 64
"""Deliveries of one subscription that are claimed at once."""

PATIENCE_SECONDS: Final = 10.0
"""How long a claim may wait for its turn."""

TIMEOUT_SECONDS: Final = 10.0
"""Of one attempt."""

CLAIM_SECONDS: Final = PATIENCE_SECONDS + TIMEOUT_SECONDS + 10.0
"""Enough to wait, to send, and to write down what came of it."""

KEEP_DAYS: Final = 30.0
"""How long the log of deliveries goes back."""

LIMITS: Final = Limits(
    concurrency=8,
    queue=WINDOW,
    max_attempts=120,  # more than fit into the age, however jitter falls
    max_age_seconds=86_400.0,  # a consumer that is down over night misses nothing
    first_backoff_seconds=1.0,
    longest_backoff_seconds=1_800.0,
)

_FORGET_EVERY_SECONDS: Final = 600.0
_FORGET_AT_ONCE: Final = 5_000
_STOP_SECONDS: Final = 8.0


class Note(NamedTuple):
    """A notice on its way: ``body`` is sent as it is, ``id`` is the ``webhook-id``."""

    id: str
    body: bytes


class NoticeChannel:
    """Posts notices to the URL of one subscription."""

    def __init__(self, webhook: WebhookChannel) -> None:
        self._webhook = webhook

    async def send(self, message: Note) -> Settled:
        return await self._webhook.post(message.id, message.body)

    async def close(self) -> None:
        await self._webhook.close()


class Sender:
    """Of one event loop; any number, in any process, may send for the same store."""

    def __init__(
        self,
        store: DeliveryStore,
        make_outlet: Callable[[Target], Outlet[Note]],
        *,
        clock: Clock,
        attempted: Callable[[str], None] = lambda result: None,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        """``attempted`` hears of each attempt: ``done``, ``failed`` (for good) or ``retry``."""
        self._store = store
        self._make_outlet = make_outlet
        self._clock = clock
        self._attempted = attempted
        self._claim_seconds = claim_seconds
        self._outlets: dict[str, Outlet[Note]] = {}
        self._under_way: dict[str, set[asyncio.Task[None]]] = {}
        self._outcomes: list[Outcome] = []
        self._forget_at = clock.monotonic()
        self.news = asyncio.Event()
        """Set when something came to its end, and there is something to write down."""

    async def step(self) -> None:
        """Write down what came of attempts, claim what is due and begin to send it.

        Raises what the store raises; what could not be written down is kept for the next time.
        """
        self.news.clear()
        await self._write_down()
        now = self._clock.now()
        await self._forget(now)
        for subscription in await asyncio.to_thread(self._store.due, now):
            outlet = await self._outlet(subscription)
            room = 0 if outlet is None else self._room(subscription, outlet)
            if outlet is not None and room > 0:
                until = now + timedelta(seconds=self._claim_seconds)
                claims = await asyncio.to_thread(
                    self._store.claim, subscription, now, until=until, limit=room
                )
                self._begin(subscription, outlet, claims)

    async def close(self) -> None:
        """Let attempts under way end within some seconds; what is not done stays to be sent."""
        tasks = [task for tasks in self._under_way.values() for task in tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        try:
            await self._write_down()
        finally:
            for outlet in self._outlets.values():
                await outlet.close()

    def _room(self, subscription: str, outlet: Outlet[Note]) -> int:
        under_way = len(self._under_way.get(subscription, ()))
        if outlet.circuit.state == "closed":
            return WINDOW - under_way
        # One that asks whether it is back; more would only wait, and their claims run out.
        return 0 if under_way or outlet.circuit.wait_seconds() > 0 else 1

    async def _outlet(self, subscription: str) -> Outlet[Note] | None:
        if subscription not in self._outlets:
            target = await asyncio.to_thread(self._store.target, subscription)
            if target is None:
                return None
            self._outlets[subscription] = self._make_outlet(target)
        return self._outlets[subscription]

    def _begin(self, subscription: str, outlet: Outlet[Note], claims: Sequence[Claim]) -> None:
        under_way = self._under_way.setdefault(subscription, set())
        for claim in claims:
            task = asyncio.create_task(self._see_to(claim, outlet))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    async def _see_to(self, claim: Claim, outlet: Outlet[Note]) -> None:
        try:
            async with outlet.turn(PATIENCE_SECONDS) as send:
                settled = await send(Note(claim.id, claim.body))
        except (QueueFull, TimeoutError):
            now = self._clock.now()
            outcome = Outcome(claim, "waiting", claim.attempts, now, next_at=now)
        else:
            now = self._clock.now()
            backoff = outlet.backoff_seconds(claim.attempts + 1)
            outcome = outcome_of(
                claim, settled, limits=outlet.limits, backoff_seconds=backoff, now=now
            )
            self._attempted(_RESULTS.get(outcome.status, "retry"))
        self._outcomes.append(outcome)
        self.news.set()

    async def _write_down(self) -> None:
        outcomes = self._outcomes[:]
        if outcomes:
            await asyncio.to_thread(self._store.settle, outcomes)
            del self._outcomes[: len(outcomes)]

    async def _forget(self, now: datetime) -> None:
        if self._clock.monotonic() < self._forget_at:
            return
        before = now - timedelta(days=KEEP_DAYS)
        gone = await asyncio.to_thread(self._store.forget, before, _FORGET_AT_ONCE)
        pause = 0.0 if gone == _FORGET_AT_ONCE else _FORGET_EVERY_SECONDS
        self._forget_at = self._clock.monotonic() + pause


_RESULTS: Final[Mapping[str, str]] = {"done": "done", "failed": "failed"}


def outcome_of(
    claim: Claim, settled: Settled, *, limits: Limits, backoff_seconds: float, now: datetime
) -> Outcome:
    """What an attempt that ended ``now`` makes of a delivery: done, to be sent again, or failed."""
    attempts = claim.attempts + 1
    if isinstance(settled, Done):
        return Outcome(claim, "done", attempts, now)
    if isinstance(settled, Failed):
        return Outcome(claim, "failed", attempts, now, detail=settled.detail)
    if attempts >= limits.max_attempts:
        detail = f"{settled.detail}; {attempts} attempts"
        return Outcome(claim, "failed", attempts, now, detail=detail)
    wait = max(backoff_seconds, settled.retry_after_seconds or 0.0)
    next_at = now + timedelta(seconds=wait)
    if next_at >= claim.since + timedelta(seconds=limits.max_age_seconds):
        detail = f"{settled.detail}; not within {limits.max_age_seconds:g} s"
        return Outcome(claim, "failed", attempts, now, detail=detail)
    return Outcome(claim, "waiting", attempts, now, next_at=next_at, detail=settled.detail)
