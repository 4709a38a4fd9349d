"""How far an action has come, and how its way ends: done, not done with a reason, or put off."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.touchpoints.care import Settlement


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a later process must know to go on with an action that was put off.

    ``channel`` is the index among the action's channels, ``attempts`` and ``since`` (when it
    first wanted to go there) belong to that channel; ``failure`` is what was last wrong on any.
    ``parks`` counts how often it was put off, ``holds`` how often of these because people had
    not let it go.
    """

    channel: int = 0
    attempts: int = 0
    since: datetime | None = None
    in_doubt: bool = False
    failure: str | None = None
    parks: int = 0
    holds: int = 0


class End(NamedTuple):
    """An action's end. ``channel`` is the one that was tried last, ``None`` if none was.

    ``detail`` is why it was not done; ``attempts`` are those on the last channel.
    """

    result: Settlement
    at: datetime
    channel: str | None = None
    detail: str = ""
    attempts: int = 0


class Parked(NamedTuple):
    """Not now: to be taken up again at ``not_before`` with ``progress``."""

    not_before: datetime
    progress: Progress
    why: str
