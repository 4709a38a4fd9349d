"""What the store counts and sums for insights: no judgement in it, and no policy."""

from datetime import datetime
from typing import NamedTuple


class Sums(NamedTuple):
    """What was felt of one ``value`` of an axis in one ``dimension``; see the table ``rollups``.

    ``dimension`` is "" where touches are counted and what they moved scores by; ``start`` is that
    of the bucket, ``None`` of sums over a whole span. Quality and the like are in whole units.
    """

    value: str
    dimension: str
    touches: int = 0
    felt: int = 0
    quality: float = 0.0
    expected: float = 0.0
    gained: float = 0.0
    lost: float = 0.0
    moved: float = 0.0
    start: datetime | None = None


class Affected(NamedTuple):
    """Customers with one bad experience: those who complained since, and those who did not."""

    touchpoint: str
    dimension: str
    complained: int
    silent: int


class FallRow(NamedTuple):
    """An event after which a score was lower; ``dimension`` lost most by it, ``None`` if none
    did."""

    customer: str
    at: datetime
    event: str
    touchpoint: str | None
    dimension: str | None
    department: str | None
    before: float
    after: float


class Departure(NamedTuple):
    """A customer who left: the reason that was told, if any; else what had been lost before.

    ``lost`` is by dimension, in log-odds, negative.
    """

    customer: str
    reason: str | None
    lost: tuple[tuple[str, float], ...] = ()


class ActionSums(NamedTuple):
    """What became of an action: counts, and sums of its cost, expected gain and points gained."""

    action: str
    requested: int
    settled: int
    withheld: int
    cost: float
    expected_gain: float
    gained: float


class Arm(NamedTuple):
    """Customers who got an action, or who were held out from it, and their later scores.

    ``scored`` of the ``customers`` have a later score; ``mean`` and ``variance`` (of the sample)
    are of those. ``expected_gain`` is a mean.
    """

    action: str
    held_out: bool
    customers: int
    scored: int
    mean: float | None
    variance: float | None
    expected_gain: float


class CaredFor(NamedTuple):
    """Care that staff gave one customer on their own, so many ``times``, for ``cost`` in all."""

    care: str
    because: str
    trigger: str
    customer: str
    times: int
    cost: float
