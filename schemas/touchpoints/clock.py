"""Time as an event: nothing in the core asks a clock."""

import json
from datetime import UTC, datetime
from typing import Literal

from schemas.envelope import Data, Envelope


class ClockTickedData(Data):
    """Nothing but the envelope's ``time``."""


class ClockTicked(Envelope):
    """Time in this partition has reached ``time``. Written by the partition's owner."""

    type: Literal["touchpoint.clock.ticked.v1"]
    data: ClockTickedData = ClockTickedData()


def tick_bytes(source: str, partition: int, clock_ms: int) -> bytes:
    """The ``clock.ticked`` event of ``partition`` at ``clock_ms``, milliseconds since 1970."""
    at = datetime.fromtimestamp(clock_ms / 1000, UTC)
    event = {
        "specversion": "1.0",
        "id": f"{partition}-{clock_ms}",
        "source": source,
        "type": "touchpoint.clock.ticked.v1",
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {},
    }
    return json.dumps(event, separators=(",", ":")).encode()
