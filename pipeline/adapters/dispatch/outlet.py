"""One destination: its queue, its places, its pace and its circuit, shared with no other.

What is sent there is the channel's business: a message of care, or a notice to a subscriber. A
place is one attempt under way. What waits for its next attempt holds none, so what
fails keeps nobody from trying.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, NamedTuple, TypeVar

from pipeline.adapters.dispatch.circuit import Circuit, State
from pipeline.adapters.dispatch.port import Channel, Clock, Settled, TryAgain

log = logging.getLogger(__name__)

Sent = TypeVar("Sent")


class Limits(NamedTuple):
    """How patient and how busy dispatch is with one destination."""

    concurrency: int = 32
    """Attempts at once."""
    queue: int = 1_000
    """Actions that may wait for a place; more are put off."""
    per_second: float | None = None
    """Attempts a second at most, evenly spread."""
    max_attempts: int = 8
    max_age_seconds: float = 3_600.0
    """From the first wish to send an action over this destination, waiting included."""
    first_backoff_seconds: float = 0.5
    """Doubles with each attempt; each pause is somewhere between half of it and all of it."""
    longest_backoff_seconds: float = 60.0
    circuit_failures: int = 5
    """So many failures in a row open the circuit."""
    circuit_first_seconds: float = 5.0
    circuit_longest_seconds: float = 60.0


Send = Callable[[Sent], Awaitable[Settled]]
"""Makes one attempt; never raises but to be cancelled."""


class QueueFull(Exception):  # noqa: N818 - it says what happened
    """Too many wait for this destination already."""


class Outlet(Generic[Sent]):
    """A destination by name; of one event loop."""

    def __init__(
        self,
        name: str,
        channel: Channel[Sent],
        limits: Limits,
        *,
        clock: Clock,
        chance: random.Random,
        circuit_changed: Callable[[str, State], None] = lambda name, state: None,
    ) -> None:
        self.name = name
        self.limits = limits
        self._channel = channel
        self._clock = clock
        self._chance = chance
        self._places = asyncio.Semaphore(limits.concurrency)
        self._queued = 0
        self._next_at = float("-inf")
        self.circuit = Circuit(
            failures=limits.circuit_failures,
            first_pause_seconds=limits.circuit_first_seconds,
            longest_pause_seconds=limits.circuit_longest_seconds,
            monotonic=clock.monotonic,
            changed=lambda state: circuit_changed(name, state),
        )

    @asynccontextmanager
    async def turn(self, patience_seconds: float) -> AsyncIterator[Send[Sent]]:
        """Hold a place, in which one attempt may be made or none.

        Raises ``QueueFull``, and ``TimeoutError`` if no place comes within ``patience_seconds``.
        """
        async with asyncio.timeout(patience_seconds):
            await self._take_place()
        asked = False

        async def send(message: Sent) -> Settled:
            nonlocal asked
            asked = True
            return await self._send(message)

        try:
            yield send
        finally:
            if not asked:
                self.circuit.ended(None)
            self._places.release()

    def backoff_seconds(self, attempts: int) -> float:
        """How long to wait after so many attempts; jittered, so that what failed at once does
        not come back at once."""
        limits = self.limits
        doubled = limits.first_backoff_seconds * 2 ** min(attempts - 1, 30)
        pause: float = min(doubled, limits.longest_backoff_seconds)
        return pause * self._chance.uniform(0.5, 1.0)

    async def close(self) -> None:
        await self._channel.close()

    async def _send(self, message: Sent) -> Settled:
        good: bool | None = None
        try:
            settled = await self._channel.send(message)
            good = not isinstance(settled, TryAgain)
        except Exception as error:
            # The adapter's edge: a bug in one channel must not end the others.
            log.exception("destination %s failed", self.name)
            settled, good = TryAgain(f"{type(error).__name__} in its channel", in_doubt=True), False
        finally:
            self.circuit.ended(good)
        return settled

    async def _take_place(self) -> None:
        if self._queued >= self.limits.queue:
            raise QueueFull(self.name)
        self._queued += 1
        try:
            await self._places.acquire()
        finally:
            self._queued -= 1
        try:
            await self._keep_pace()
            await self.circuit.enter(self._clock.sleep)
        except BaseException:
            self._places.release()
            raise

    async def _keep_pace(self) -> None:
        if self.limits.per_second is None:
            return
        now = self._clock.monotonic()
        due = max(self._next_at, now)
        self._next_at = due + 1 / self.limits.per_second
        if due > now:
            await self._clock.sleep(due - now)
