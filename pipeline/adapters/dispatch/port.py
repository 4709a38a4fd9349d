"""What carrying out needs from outside: channels, consent, texts, a clock, somebody who watches."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol, TypeVar

from pipeline.engine.errors import Retryable
from schemas.care import CareAction, CareOrder, Consent

Sent_contra = TypeVar("Sent_contra", contravariant=True)


class Message(NamedTuple):
    """An action on its way over one channel.

    ``text`` is what the customer is to read, ``None`` where the policy has no such template.
    """

    action: CareAction
    channel: str
    text: str | None


class Done(NamedTuple):
    """The receiver has it."""


class Failed(NamedTuple):
    """It will never be taken on this channel as it is; another channel may be tried."""

    detail: str


class TryAgain(NamedTuple):
    """It was not taken now. ``retry_after_seconds`` is the receiver's own wish, if it has one.

    ``in_doubt``: the receiver may have acted on it all the same, so that no other channel may be
    tried: the customer would perhaps be told twice.
    """

    detail: str
    retry_after_seconds: float | None = None
    in_doubt: bool = False


Settled = Done | Failed | TryAgain
"""How one attempt ended. Details hold no customer's data: they are logged."""


class Channel(Protocol[Sent_contra]):
    """One way to reach somebody. What is sent has an id, its idempotency key: it may come again."""

    async def send(self, message: Sent_contra) -> Settled:
        """Make one attempt, in bounded time. What it raises counts as ``TryAgain``, in doubt."""
        ...

    async def close(self) -> None: ...


class ConsentUnknown(Retryable):
    """What the customers want cannot be read now, so nothing may be sent."""


class ConsentView(Protocol):
    """What customers do not want."""

    async def consent(self, customer: str) -> Consent | None:
        """What holds for a customer, with all that was committed before the call; ``None`` if
        nothing is denied. Raises ``ConsentUnknown``."""
        ...


class OrdersUnknown(Retryable):
    """What people want done with the actions cannot be read now, so nothing may be sent."""


class OrderView(Protocol):
    """What people want done with single actions."""

    async def orders(self, action: str) -> Sequence[CareOrder]:
        """The orders for an action, in the order in which they were given, with all that was
        durable before the call; of each matter the last one at least. Raises ``OrdersUnknown``."""
        ...


Render = Callable[[str, str | None, Mapping[str, str]], str | None]
"""From template, language and fields to a text; ``None`` if there is no such template.

Raises ``RenderError``.
"""


class RenderError(Exception):
    """A text cannot be made of the fields that are there."""


class Watcher(Protocol):
    """Hears what happens; see the metric catalogue for the meaning of each."""

    def attempted(self, destination: str, result: str) -> None: ...

    def settled(self, action: str, result: str, seconds: float) -> None: ...

    def parked(self, why: str) -> None: ...

    def waiting(self, actions: int) -> None: ...

    def circuit(self, destination: str, state: str) -> None: ...


class Clock(NamedTuple):
    """Time as dispatch knows it: the wall's in UTC, one that only moves forward in seconds, and
    how to wait."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


SYSTEM_CLOCK: Final = Clock(lambda: datetime.now(UTC), time.monotonic, asyncio.sleep)
