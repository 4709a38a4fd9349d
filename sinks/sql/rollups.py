"""Sums what was felt by minute, hour and day as it is written, so that nobody has to count it.

Sums are of whole numbers, millionths of what they count: the same in whatever order, batches and
partitions the contributions come.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection

from schemas.perception import Contribution, Felt
from sinks.sql import bulk, tables
from sinks.sql.tables import time_text

_ALWAYS: Final = ("touchpoint", "channel", "department", "tier")
AXES: Final[Mapping[str, tuple[str, ...]]] = {
    "minute": _ALWAYS,
    "hour": (*_ALWAYS, "staff"),
    "day": (*_ALWAYS, "staff", "cohort"),
}
"""What is summed, by grain. Staff by the minute and cohorts by the hour would be nearly a row for
each touch, with too few touches in it to judge by."""

KEY: Final = ("grain", "axis", "start", "value", "dimension", "partition")
AMOUNTS: Final = ("touches", "felt", "quality", "expected", "gained", "lost", "moved")
MILLION: Final = 1_000_000

Key = tuple[str, str, str, str, str]
"""As ``KEY`` names them, but for the partition; the start as text."""

Amounts = tuple[int, ...]
"""As ``AMOUNTS`` names them: counts, and then millionths."""

Sums = dict[str, int]
"""By dimension; "" stands for the touch as a whole.

Each is one integer of seven lanes, the first column of ``rollups`` the lowest: this is the sink's
hot loop, and one addition costs a fraction of seven.
"""

Bucket = dict[tuple[str, str], Sums]
"""Sums by axis and value."""

_LANE_BITS: Final = 64
_TOUCHES: Final = 0
_FELT: Final = 1 * _LANE_BITS
_QUALITY: Final = 2 * _LANE_BITS
_EXPECTED: Final = 3 * _LANE_BITS
_GAINED: Final = 4 * _LANE_BITS
_LOST: Final = 5 * _LANE_BITS
_MOVED: Final = 6 * _LANE_BITS  # the highest, for it alone may be negative
_MASK: Final = (1 << _LANE_BITS) - 1

_values_of: Final = attrgetter(*AXES["day"])


def add(connection: Connection, contributions: Iterable[Contribution], partition: int) -> None:
    """Add what ``contributions`` of one ``partition`` come to, in the caller's transaction."""
    rows = [(*key, partition, *amounts) for key, amounts in sorted(totals(contributions))]
    bulk.add_up(connection, tables.rollups, rows, key=KEY)


def totals(contributions: Iterable[Contribution]) -> Iterator[tuple[Key, Amounts]]:
    """What these contributions come to, each key once, in no particular order."""
    minutes = _by_minute(contributions)
    hours = _coarser(minutes, lambda start: start.replace(minute=0))
    days = _coarser(hours, lambda start: start.replace(hour=0))
    for grain, buckets in (("minute", minutes), ("hour", hours), ("day", days)):
        for start, bucket in buckets.items():
            yield from _of_bucket(grain, time_text(start), bucket)


def _of_bucket(grain: str, start: str, bucket: Bucket) -> Iterator[tuple[Key, Amounts]]:
    axes = AXES[grain]
    for (axis, value), sums in bucket.items():
        if axis in axes:
            for dimension, lanes in sums.items():
                yield (grain, axis, start, value, dimension), _amounts(lanes)


def _by_minute(contributions: Iterable[Contribution]) -> dict[datetime, Bucket]:
    minutes: dict[datetime, Bucket] = {}
    for one in contributions:
        time = one.time if one.time.tzinfo is UTC else one.time.astimezone(UTC)
        minute = time.replace(second=0, microsecond=0)
        bucket = minutes.get(minute)
        if bucket is None:
            bucket = minutes[minute] = {}
        sums = _sums(one)
        for axis, value in zip(AXES["day"], _values_of(one), strict=True):
            _add(bucket, (axis, value or ""), sums)
    return minutes


def _coarser(
    buckets: dict[datetime, Bucket], start_of: Callable[[datetime], datetime]
) -> dict[datetime, Bucket]:
    coarse: dict[datetime, Bucket] = {}
    for start, bucket in buckets.items():
        into = coarse.setdefault(start_of(start), {})
        for place, sums in bucket.items():
            _add(into, place, sums)
    return coarse


def _add(bucket: Bucket, place: tuple[str, str], sums: Sums) -> None:
    known = bucket.get(place)
    if known is None:
        bucket[place] = sums.copy()
        return
    for dimension, lanes in sums.items():
        known[dimension] = known.get(dimension, 0) + lanes


def _sums(one: Contribution) -> Sums:
    """What one contribution adds: once as a whole, and once for each dimension that it names."""
    sums: Sums = {"": 1 << _TOUCHES}
    if one.score_before is not None and one.score_after is not None:
        moved = _millionths(one.score_after) - _millionths(one.score_before)
        sums[""] += moved << _MOVED
    for felt in one.felt:
        dimension = felt.dimension
        sums[dimension] = sums.get(dimension, 1 << _TOUCHES) + _felt(felt)
    return sums


def _felt(felt: Felt) -> int:
    value = _millionths(felt.value)
    lanes = value << _GAINED if value > 0 else -value << _LOST
    if felt.quality is not None and felt.expected is not None:
        lanes += 1 << _FELT
        lanes += _millionths(felt.quality) << _QUALITY
        lanes += _millionths(felt.expected) << _EXPECTED
    return lanes


def _amounts(lanes: int) -> Amounts:
    return (
        lanes & _MASK,
        lanes >> _FELT & _MASK,
        lanes >> _QUALITY & _MASK,
        lanes >> _EXPECTED & _MASK,
        lanes >> _GAINED & _MASK,
        lanes >> _LOST & _MASK,
        lanes >> _MOVED,
    )


def _millionths(number: float) -> int:
    return round(number * MILLION)
