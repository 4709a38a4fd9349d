"""Covers a span of time with whole days, hours and minutes, as few as there can be."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from sinks.sql.retention import Retention

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Grain = Literal["minute", "hour", "day"]

_STEPS: Final[Mapping[Grain, timedelta]] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_COARSER: Final[Mapping[Grain, tuple[Grain, ...]]] = {
    "minute": ("hour", "day"),
    "hour": ("day",),
    "day": (),
}
_MINUTES_KEPT: Final = timedelta(days=Retention().rollups_by_minute_days) - timedelta(hours=2)
_HOURS_KEPT: Final = timedelta(days=Retention().rollups_by_hour_days) - timedelta(days=2)


class Piece(NamedTuple):
    """Buckets of one grain with ``since <= start < until``."""

    grain: Grain
    since: datetime
    until: datetime


def covering(since: datetime, until: datetime, finest: Grain = "minute") -> list[Piece]:
    """Pieces without overlap or hole that hold the ``finest`` buckets that begin in the span.

    So, by one grain, the sums over spans that meet add up to those over both together.
    """
    return [piece for piece in _pieces(since, until, finest) if piece.since < piece.until]


def finest_kept(grains: Collection[str], since: datetime, now: datetime) -> Grain:
    """The finest of ``grains`` whose buckets are still there at ``since``.

    By the usual retention, and a little before it is over: edges are then rounded, not lost.
    """
    age = now - since
    if "minute" in grains and age < _MINUTES_KEPT:
        return "minute"
    return "hour" if "hour" in grains and age < _HOURS_KEPT else "day"


def _pieces(since: datetime, until: datetime, finest: Grain) -> Iterator[Piece]:
    """The finest buckets first, each coarser grain within what the finer one leaves."""
    step = _STEPS[finest]
    first, end = _up(since, step), _up(until, step)
    grain: Grain = finest
    for coarser in _COARSER[finest]:
        inner = _up(first, _STEPS[coarser]), _down(end, _STEPS[coarser])
        if inner[0] >= inner[1]:
            break
        yield Piece(grain, first, inner[0])
        yield Piece(grain, inner[1], end)
        first, end = inner
        grain = coarser
    yield Piece(grain, first, end)


def _up(time: datetime, step: timedelta) -> datetime:
    return _EPOCH - ((_EPOCH - time) // step) * step


def _down(time: datetime, step: timedelta) -> datetime:
    return _EPOCH + ((time - _EPOCH) // step) * step
