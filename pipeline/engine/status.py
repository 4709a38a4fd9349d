"""How a lane says how it is: what a readiness page shows."""

from typing import Literal

import msgspec

LaneState = Literal["new", "opening", "restoring", "running", "retrying", "gap", "closed"]


class LaneStatus(msgspec.Struct, frozen=True):
    """How a lane is; times are on the clock the supervisor was given (monotonic)."""

    partition: int
    state: LaneState
    detail: str
    since_seconds: float
    next_offset: int
    queued_records: int
    last_commit_seconds: float | None

    @property
    def ready(self) -> bool:
        return self.state == "running"
