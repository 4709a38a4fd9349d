"""The way of one action: over which channel, when, and how often.

What stands between it and an attempt is looked at anew before every attempt: is it too late, is it
night, has the customer withdrawn consent, has somebody held or cancelled it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from pipeline.adapters.dispatch.consent import denied
from pipeline.adapters.dispatch.ends import End, Parked, Progress
from pipeline.adapters.dispatch.orders import Cancelled, Waiting, standing
from pipeline.adapters.dispatch.outlet import Outlet, QueueFull, Send
from pipeline.adapters.dispatch.port import (
    Clock,
    ConsentUnknown,
    ConsentView,
    Done,
    Failed,
    Message,
    OrdersUnknown,
    OrderView,
    Render,
    RenderError,
    Settled,
    Watcher,
)
from pipeline.adapters.dispatch.quiet import quiet_until
from schemas.care import CareAction, CareOrder
from schemas.touchpoints.care import Settlement

log = logging.getLogger(__name__)

NO_CHANNEL: Final = "none"
STAFF: Final = "staff"
"""Of an action that is to do nothing on purpose: done as soon as it is taken up."""

UNKNOWN_RETRY_SECONDS: Final = 1.0
"""While it cannot be read what the customer wants, or what people ordered."""

FIRST_PARK_SECONDS: Final = 15.0
LONGEST_PARK_SECONDS: Final = 120.0
"""A destination that comes back is used again within this by what was put off."""

FIRST_HOLD_SECONDS: Final = 2.0
LONGEST_HOLD_SECONDS: Final = 30.0
"""What is released, approved or cancelled after it was held is seen to within this."""


class Rules(NamedTuple):
    """What holds for all destinations."""

    stale_after_seconds: float = 86_400.0
    """An action without an expiry of its own is not carried out so long after it was decided:
    what an import of history calls for is nobody's present wish."""
    hold_seconds: float = 10.0
    """What has to wait longer than this for its next attempt is put off. Who stands in the queue
    of a destination keeps its place: the queue is bounded, and moves once its circuit closes."""
    grace_seconds: float = 5.0
    """What an attempt under way gets when dispatch is told to stop."""


class Means(NamedTuple):
    """What every journey has at hand. ``outlets`` by channel: several may share a destination."""

    outlets: Mapping[str, Outlet[Message]]
    consents: ConsentView
    orders: OrderView
    render: Render
    watcher: Watcher
    clock: Clock
    rules: Rules


class _NextChannel(Exception):  # noqa: N818 - it says what is to be done
    """This channel is closed to the action: denied, failed for good, or tried long enough."""


class _Ended(Exception):  # noqa: N818 - it says what happened
    """The journey is over."""

    def __init__(self, end: End | Parked) -> None:
        super().__init__(end)
        self.end = end


class _Wait(NamedTuple):
    """Not now: ``why`` is a metric's label."""

    seconds: float
    why: str
    queued: bool = False
    """It found the queue full."""


class Journey:
    """One action, from where ``progress`` says it is."""

    def __init__(self, means: Means, action: CareAction, progress: Progress) -> None:
        self._means = means
        self._action = action
        self._progress = progress
        self._channels = (action.channel, *action.fallbacks)
        self._tried: str | None = None
        self._withdrawn = False
        stale = timedelta(seconds=means.rules.stale_after_seconds)
        self._deadline = action.expires_at or action.decided_at + stale

    async def travel(self) -> End | Parked:
        """See ``Dispatcher.carry_out``."""
        try:
            quiet_until(self._action.quiet, self._means.clock.now())
        except ValueError as error:
            return self._end("failed", str(error))
        try:
            for index in range(self._progress.channel, len(self._channels)):
                self._set_out(index)
                with suppress(_NextChannel):
                    await self._go_by(self._channels[index])
                if self._progress.in_doubt:
                    break  # it may have arrived: another channel might tell it twice
        except _Ended as ended:
            return ended.end
        if self._progress.failure is None:
            return self._end("suppressed", "the customer does not want it on any of its channels")
        if self._withdrawn:  # no dead letter, which somebody would send again
            return self._end("suppressed", f"no longer wanted; before: {self._progress.failure}")
        return self._end("failed", self._progress.failure)

    def _set_out(self, index: int) -> None:
        before = self._progress
        if index != before.channel:
            self._progress = Progress(
                index, failure=before.failure, parks=before.parks, holds=before.holds
            )

    async def _go_by(self, channel: str) -> None:
        if channel == NO_CHANNEL:
            await self._let_go()
            raise _Ended(End("done", self._means.clock.now(), channel))
        outlet = self._means.outlets.get(channel)
        if outlet is None:
            raise self._given_up(f"no destination for channel {channel!r}")
        while True:
            await self._wait_for_day(channel)
            if self._action.needs_approval or self._progress.holds:
                await self._let_go()  # here too: what is held takes no turn of those that may go
            patience = self._patience(outlet)
            try:
                async with outlet.turn(patience) as send:
                    wait = await self._attempt(channel, outlet, send)
            except QueueFull:
                wait = _Wait(0.0, "queue", queued=True)
            except TimeoutError:
                wait = _Wait(0.0, "queue")  # it is too late, or it has waited long enough
            await self._wait(wait, outlet)

    async def _wait_for_day(self, channel: str) -> None:
        until = self._quiet_until(channel)
        if until is not None:
            await self._pause(until, "quiet")

    def _quiet_until(self, channel: str) -> datetime | None:
        """When the customer may hear of it; a task of the company's own staff wakes nobody."""
        quiet = None if channel == STAFF else self._action.quiet
        return quiet_until(quiet, self._means.clock.now())

    def _patience(self, outlet: Outlet[Message]) -> float:
        """Seconds that it may wait for a place; the age begins when it first wants one."""
        now = self._means.clock.now()
        since = self._progress.since or now
        self._progress = replace(self._progress, since=since)
        age = (now - since).total_seconds()
        left = (self._deadline - now).total_seconds()
        return max(0.0, min(left, outlet.limits.max_age_seconds - age))

    async def _attempt(self, channel: str, outlet: Outlet[Message], send: Send[Message]) -> _Wait:
        """One attempt, if it is still wanted; returns how long to wait before the next."""
        action, now = self._action, self._means.clock.now()
        if now >= self._deadline:
            raise _Ended(self._expired())
        if self._quiet_until(channel) is not None:
            return _Wait(0.0, "quiet")
        try:
            # Both at once: where they are read together, they are read with one look.
            consent, orders = await asyncio.gather(
                self._means.consents.consent(action.customer),
                self._means.orders.orders(action.id),
            )
        except (ConsentUnknown, OrdersUnknown) as error:
            return _not_known(error)
        self._heed(orders)
        if denied(consent, action, channel):
            self._withdrawn = self._withdrawn or self._progress.attempts > 0
            raise _NextChannel
        self._tried = channel
        try:
            text = self._means.render(
                self._action.template, self._action.language, self._action.fields
            )
        except RenderError as error:
            raise self._given_up(str(error)) from error
        settled = await self._finish(send(Message(action, channel, text)))
        return self._understand(settled, channel, outlet)

    async def _let_go(self) -> None:
        """Return once nobody's order keeps the action back, or end the journey."""
        while True:
            try:
                self._heed(await self._means.orders.orders(self._action.id))
                return
            except OrdersUnknown as error:
                wait = _not_known(error)
            until = self._means.clock.now() + timedelta(seconds=wait.seconds)
            await self._pause(until, wait.why)

    def _heed(self, orders: Sequence[CareOrder]) -> None:
        """End the journey if people do not want it to go on now."""
        stands = standing(orders, needs_approval=self._action.needs_approval)
        if isinstance(stands, Cancelled):
            raise _Ended(self._end("suppressed", stands.detail))
        if isinstance(stands, Waiting):
            raise _Ended(self._kept(stands))

    def _kept(self, waiting: Waiting) -> End | Parked:
        """Put off until it is looked at again: at its expiry for the last time."""
        progress, now = self._progress, self._means.clock.now()
        if now >= self._deadline:
            return self._end("expired", waiting.detail)
        pause = min(FIRST_HOLD_SECONDS * 2 ** min(progress.holds, 30), LONGEST_HOLD_SECONDS)
        until = min(now + timedelta(seconds=pause), self._deadline)
        # Its age at the destination begins anew: it was not the destination that kept it.
        progress = replace(progress, holds=progress.holds + 1, since=None)
        return Parked(until, progress, waiting.why)

    async def _finish(self, sending: Awaitable[Settled]) -> Settled:
        """Wait for the attempt; once cancelled, no longer than the grace."""
        attempt = asyncio.ensure_future(sending)
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait([attempt], timeout=self._means.rules.grace_seconds)
            if not attempt.done():
                attempt.cancel()
                await asyncio.wait([attempt])
            if attempt.cancelled() or not isinstance(attempt.result(), Done):
                raise  # not done: whoever has the action next goes on
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            return attempt.result()

    def _understand(self, settled: Settled, channel: str, outlet: Outlet[Message]) -> _Wait:
        if isinstance(settled, Done):
            self._means.watcher.attempted(outlet.name, "done")
            attempts = self._progress.attempts + 1
            raise _Ended(End("done", self._means.clock.now(), channel, attempts=attempts))
        before = self._progress
        if isinstance(settled, Failed):
            self._means.watcher.attempted(outlet.name, "failed")
            # It was refused, so nothing that went before has arrived either.
            self._progress = replace(before, attempts=before.attempts + 1, in_doubt=False)
            raise self._given_up(settled.detail)
        self._means.watcher.attempted(outlet.name, "retry")
        self._progress = replace(
            before,
            attempts=before.attempts + 1,
            in_doubt=before.in_doubt or settled.in_doubt,
            failure=settled.detail,
        )
        if self._progress.attempts >= outlet.limits.max_attempts:
            raise self._given_up(f"{settled.detail}; {self._progress.attempts} attempts")
        backoff = outlet.backoff_seconds(self._progress.attempts)
        return _Wait(max(backoff, settled.retry_after_seconds or 0.0), "backoff")

    async def _wait(self, wait: _Wait, outlet: Outlet[Message]) -> None:
        """Wait, or end the journey or this channel if that would be too long."""
        if wait.why == "quiet":
            return
        progress, now = self._progress, self._means.clock.now()
        seconds = wait.seconds
        if wait.queued:
            pause = min(FIRST_PARK_SECONDS * 2**progress.parks, LONGEST_PARK_SECONDS)
            left = (self._deadline - now).total_seconds()
            seconds = max(seconds, min(pause, max(left / 2, 1.0)))
        until = now + timedelta(seconds=seconds)
        if until >= self._deadline and self._has_other_way():
            raise self._given_up(progress.failure or f"not taken before its expiry ({wait.why})")
        age = timedelta(seconds=outlet.limits.max_age_seconds)
        if progress.since is not None and until >= progress.since + age:
            why = progress.failure or wait.why
            raise self._given_up(f"{why}; not within {outlet.limits.max_age_seconds:g} s")
        await self._pause(until, wait.why, at_once=wait.queued)

    async def _pause(self, until: datetime, why: str, *, at_once: bool = False) -> None:
        now = self._means.clock.now()
        if until >= self._deadline:
            # Nothing can happen before then: its fallbacks wait for the same day or for nobody.
            raise _Ended(self._expired())
        seconds = (until - now).total_seconds()
        if at_once or seconds > self._means.rules.hold_seconds:
            progress = replace(self._progress, parks=min(self._progress.parks + 1, 30))
            raise _Ended(Parked(until, progress, why))
        await self._means.clock.sleep(seconds)

    def _has_other_way(self) -> bool:
        return not self._progress.in_doubt and self._progress.channel + 1 < len(self._channels)

    def _given_up(self, failure: str) -> _NextChannel:
        self._withdrawn = False
        self._progress = replace(self._progress, failure=failure)
        return _NextChannel()

    def _expired(self) -> End:
        return self._end("expired", self._progress.failure or "")

    def _end(self, result: Settlement, detail: str) -> End:
        attempts = self._progress.attempts
        return End(result, self._means.clock.now(), self._tried, detail, attempts)


def _not_known(error: ConsentUnknown | OrdersUnknown) -> _Wait:
    log.warning("nothing is sent while it is not known whether it may be: %s", error)
    why = "consent" if isinstance(error, ConsentUnknown) else "orders"
    return _Wait(error.retry_after_seconds or UNKNOWN_RETRY_SECONDS, why)
