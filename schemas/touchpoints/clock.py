"""Time as an event: nothing in the core asks a clock."""

from typing import Literal

from schemas.envelope import Data, Envelope


class ClockTickedData(Data):
    """Nothing but the envelope's ``time``."""


class ClockTicked(Envelope):
    """Time in this partition has reached ``time``. Written by the partition's owner."""

    type: Literal["touchpoint.clock.ticked.v1"]
    data: ClockTickedData = ClockTickedData()
