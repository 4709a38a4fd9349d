"""How often a caller may ask: by key or session, and for logging in by address."""

import time
from math import ceil
from typing import Final, NamedTuple

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

READ: Final = "200/4 second"
"""50 a second, and up to 200 at once."""

LOGIN: Final = "5/minute"
"""Of one address; nobody mistypes a key more often, and who guesses gets nowhere."""


class RateSettings(NamedTuple):
    """Limits as ``<times>/<n> <second|minute|hour>``, ``None`` for no limit.

    Each process counts for itself: behind several the limit is as many times as high.
    """

    read: str | None = READ
    ingest: str | None = None
    login: str | None = LOGIN


class Rates:
    """Counts in memory. ``ValueError`` for a limit that is none."""

    def __init__(self, settings: RateSettings = RateSettings()) -> None:  # noqa: B008 - frozen
        self._limits: dict[str, RateLimitItem] = {
            kind: parse(text) for kind, text in settings._asdict().items() if text is not None
        }
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_seconds(self, kind: str, caller: str) -> int:
        """0 if ``caller`` may go on, which is counted; else in how many seconds to try again.

        ``kind`` is a field of ``RateSettings``.
        """
        limit = self._limits.get(kind)
        if limit is None or self._limiter.hit(limit, kind, caller):
            return 0
        resets = self._limiter.get_window_stats(limit, kind, caller).reset_time
        return max(1, ceil(resets - time.time()))
