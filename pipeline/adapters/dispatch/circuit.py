"""A circuit breaker: a destination that keeps failing is left alone, then asked by one attempt.

``closed`` lets everything through. After some failures in a row it is ``open``: nothing goes, for a
pause that doubles each time up to a limit. Then it is ``half_open``: one attempt goes, and its
outcome closes the circuit or opens it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

State = Literal["closed", "open", "half_open"]

STATES: Final[tuple[State, ...]] = ("closed", "open", "half_open")


class Circuit:
    """Of one destination, in one event loop. ``monotonic`` gives seconds that only grow."""

    def __init__(
        self,
        *,
        failures: int,
        first_pause_seconds: float,
        longest_pause_seconds: float,
        monotonic: Callable[[], float],
        changed: Callable[[State], None] = lambda state: None,
    ) -> None:
        """``failures`` in a row open it; ``changed`` hears of every new state."""
        self._failures = failures
        self._first = first_pause_seconds
        self._longest = longest_pause_seconds
        self._monotonic = monotonic
        self._changed = changed
        self._state: State = "closed"
        self._in_a_row = 0
        self._pause = first_pause_seconds
        self._opens_at = 0.0
        self._news = asyncio.Event()

    @property
    def state(self) -> State:
        return self._state

    def wait_seconds(self) -> float:
        """How long until an attempt may go, as far as is known; 0 if one may go now."""
        return max(0.0, self._opens_at - self._monotonic()) if self._state == "open" else 0.0

    async def enter(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Return when an attempt may go. Whoever entered tells ``ended`` how it went."""
        while self._state != "closed":
            if self._state == "half_open":
                await self._news.wait()
                continue
            wait = self.wait_seconds()
            if wait <= 0:
                self._become("half_open")
                return
            await sleep(wait)

    def ended(self, good: bool | None) -> None:
        """An attempt ended: the destination answered, did not, or (``None``) was never asked."""
        if good:
            self._in_a_row = 0
            self._pause = self._first
            self._become("closed")
        elif self._state == "half_open":
            # Never asked: the next attempt may be the one that asks.
            self._open(0.0 if good is None else self._pause)
        elif good is not None:
            self._in_a_row += 1
            if self._state == "closed" and self._in_a_row >= self._failures:
                self._open(self._pause)

    def _open(self, pause: float) -> None:
        self._opens_at = self._monotonic() + pause
        if pause:
            self._pause = min(2 * pause, self._longest)
        self._become("open")

    def _become(self, state: State) -> None:
        if state == self._state:
            return
        self._state = state
        news, self._news = self._news, asyncio.Event()
        news.set()
        self._changed(state)
