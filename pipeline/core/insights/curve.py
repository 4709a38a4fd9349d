"""A level over time: every bucket of a span, with nothing where nothing was felt."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from pipeline.core.insights.levels import STAFF, is_enough, mean_of
from schemas.insight_rows import Sums
from schemas.insights import Axis, CurvePoint, Grain

STEPS: Final[Mapping[Grain, timedelta]] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}

MOST_POINTS: Final = 20_000
"""More than a fortnight of minutes nobody can look at, and a screen has fewer dots."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def buckets(grain: Grain, since: datetime, until: datetime) -> Iterator[datetime]:
    """The starts of all buckets with ``since <= start < until``, days of UTC.

    Raises ``ValueError`` if they are more than ``MOST_POINTS``.
    """
    step = STEPS[grain]
    first = -((_EPOCH - since) // step)
    behind = -((_EPOCH - until) // step)
    if behind - first > MOST_POINTS:
        raise ValueError(
            f"{behind - first} buckets of a {grain}; at most {MOST_POINTS}: take a coarser grain"
        )
    return (_EPOCH + number * step for number in range(first, behind))


def curve_point(axis: Axis, at: datetime, sums: Sums | None) -> CurvePoint:
    """The level in the bucket ``at``; of staff only where there are touches enough to name it."""
    mean = None if sums is None else mean_of(sums)
    named = axis != STAFF or is_enough(mean)
    shown = mean if named else None
    return CurvePoint(
        at=at,
        touches=0 if sums is None else sums.touches,
        level=None if shown is None else shown.level,
        target=None if shown is None else shown.target,
        points=0.0 if sums is None or not named else sums.moved,
    )
