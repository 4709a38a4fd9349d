"""Appends time to the log: one ``clock.ticked`` event each second."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from pipeline.adapters.embedded.log import EventLog
from pipeline.adapters.http.ports import Busy, Entry, Unavailable

log = logging.getLogger(__name__)

TickValue = Callable[[int, int], bytes]
"""Bytes of the ``clock.ticked`` event for a partition and a time in milliseconds since 1970."""

PARTITION: Final = 0
"""The embedded pipeline has one partition."""


async def tick(
    event_log: EventLog, tick_value: TickValue, now_ms: Callable[[], int], every_seconds: float
) -> None:
    """Tick for ever. A tick that cannot be written is left out: a later one says as much."""
    next_tick = time.monotonic()
    while True:
        clock_ms = now_ms()
        try:
            await event_log.append([Entry(None, tick_value(PARTITION, clock_ms))], clock_ms)
        except (Busy, Unavailable) as error:
            log.info("no tick was written: %s", error)
        next_tick = max(next_tick + every_seconds, time.monotonic())
        await asyncio.sleep(next_tick - time.monotonic())
