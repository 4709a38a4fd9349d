"""What stepping comes to, before any of it is durable."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.engine.ports import Changes, Labels, Output, Position, Timer


class TimerFailed(NamedTuple):
    """A timer that could not be stepped, and why; it is due again at the next tick."""

    timer: Timer
    detail: str


class Work(NamedTuple):
    """What a chunk came to, to be made durable in one step; nothing of it is visible yet.

    ``dues`` are new due times by key, ``tried`` the timers that were due in the order they fired;
    ``failures`` tell of those among them that could not be stepped.
    """

    position: Position
    outputs: Sequence[Output]
    changes: Changes
    dues: Mapping[bytes, int | None]
    tried: Sequence[Timer]
    failures: Sequence[TimerFailed]
    processed: int
    duplicates: int
    refused: Mapping[str, int]
    told: Mapping[Labels, int]
    started_seconds: float
