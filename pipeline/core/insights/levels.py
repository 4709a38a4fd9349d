"""How the values of an axis stand: level, target, gap, interval and trend, and whom to name.

Staff are listed by name and never ranked, and nothing is said of whom there is too little of: a
handful of bad touches is an accident, not a person's worth.
"""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from pipeline.core.insights.certainty import ENOUGH, drawn_in, interval_95, squared_error
from schemas.insight_rows import Sums
from schemas.insights import Axis, Level

STAFF: Axis = "staff"


class Mean(NamedTuple):
    """Of what was felt: mean quality, mean expectation, and how many ``touches`` tell."""

    level: float
    target: float
    touches: int


class Trend(NamedTuple):
    """The change of a level, and its standard error."""

    change: float
    error: float


def mean_of(sums: Sums) -> Mean | None:
    """The means of ``sums``; ``None`` where nothing was felt.

    What one touch says of several dimensions hangs together, so it counts once where touches are
    known.
    """
    if sums.felt <= 0:
        return None
    count = min(sums.felt, sums.touches) if sums.touches > 0 else sums.felt
    return Mean(_share(sums.quality / sums.felt), _share(sums.expected / sums.felt), count)


def is_enough(mean: Mean | None) -> bool:
    """Whether there are touches enough to judge."""
    return mean is not None and mean.touches >= ENOUGH


def trend_of(now: Mean, before: Mean) -> Trend:
    """The change from ``before`` to ``now``, as if of different touches."""
    error = squared_error(now.level, now.touches) + squared_error(before.level, before.touches)
    return Trend(now.level - before.level, sqrt(error))


def level_of(
    axis: Axis,
    now: Sums,
    before: Sums | None,
    *,
    dimension: str | None = None,
    department: str | None = None,
    improvement: str | None = None,
) -> Level:
    """How ``now.value`` stands against its target, and against ``before``."""
    mean, earlier = mean_of(now), None if before is None else mean_of(before)
    enough = is_enough(mean)
    named = axis != STAFF or enough
    if mean is None or not named:
        return _unknown(axis, now, dimension=dimension, department=department, named=named)
    low, high = interval_95(mean.level, mean.touches)
    trend = None
    if earlier is not None and (axis != STAFF or is_enough(earlier)):
        trend = trend_of(mean, earlier)
    return Level(
        axis=axis,
        value=now.value,
        dimension=dimension,
        department=department,
        touches=now.touches,
        enough=enough,
        level=mean.level,
        target=mean.target,
        gap=mean.level - mean.target,
        low=low,
        high=high,
        trend=None if trend is None else trend.change,
        trend_error=None if trend is None else trend.error,
        points=now.moved,
        improvement=improvement,
    )


def in_order(axis: Axis, levels: Iterable[Level]) -> list[Level]:
    """Staff by name; else the largest gap first, drawn in where it is of few touches, and those
    of too few to judge last."""
    if axis == STAFF:
        return sorted(levels, key=lambda level: level.value)
    return sorted(
        levels,
        key=lambda level: (
            not level.enough,
            level.gap is None,
            drawn_in(level.gap or 0.0, level.touches),
            level.value,
            level.dimension or "",
        ),
    )


def _unknown(
    axis: Axis, now: Sums, *, dimension: str | None, department: str | None, named: bool
) -> Level:
    return Level(
        axis=axis,
        value=now.value,
        dimension=dimension,
        department=department,
        touches=now.touches,
        enough=False,
        level=None,
        target=None,
        gap=None,
        low=None,
        high=None,
        trend=None,
        trend_error=None,
        points=now.moved if named else 0.0,
    )


def _share(value: float) -> float:
    # Sums are of rounded parts: their mean may lie outside by less than a millionth.
    return min(max(value, 0.0), 1.0)
