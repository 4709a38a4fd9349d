"""Covers a span of time with whole days, hours and minutes, as few as there can be."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class Piece(NamedTuple):
    """Buckets of one grain with ``since <= start < until``."""

    grain: str
    since: datetime
    until: datetime


def covering(since: datetime, until: datetime) -> list[Piece]:
    """Pieces without overlap or hole that hold the minutes with ``since <= start < until``.

    So the sums over spans that meet add up to those over both together.
    """
    return [piece for piece in _pieces(since, until) if piece.since < piece.until]


def _pieces(since: datetime, until: datetime) -> Iterator[Piece]:
    first, end = _up(since, _MINUTE), _up(until, _MINUTE)
    hours = _up(first, _HOUR), _down(end, _HOUR)
    if hours[0] >= hours[1]:
        yield Piece("minute", first, end)
        return
    yield Piece("minute", first, hours[0])
    yield Piece("minute", hours[1], end)
    days = _up(hours[0], _DAY), _down(hours[1], _DAY)
    if days[0] >= days[1]:
        yield Piece("hour", *hours)
        return
    yield Piece("hour", hours[0], days[0])
    yield Piece("hour", days[1], hours[1])
    yield Piece("day", *days)


def _up(time: datetime, step: timedelta) -> datetime:
    return _EPOCH - ((_EPOCH - time) // step) * step


def _down(time: datetime, step: timedelta) -> datetime:
    return _EPOCH + ((time - _EPOCH) // step) * step
