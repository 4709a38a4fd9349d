"""What moved a score, gathered for the reader: by touchpoint, day and sign, in figures that add up.

Figures are whole tenths of a point. They are rounded together, by largest remainder, so that what
is shown adds up to the total that is shown.
"""

from collections.abc import Sequence
from datetime import date, tzinfo
from math import floor, fsum
from typing import NamedTuple

from pipeline.core.policy.check import FATIGUE
from schemas.perception import Part, Score


class Entry(NamedTuple):
    """What ``touches`` events of one touchpoint gave or cost on one day, in tenths of a point.

    Without a touchpoint it is what too many contacts cost by ``channel``, and without either all
    that is left, of ``touches`` events that no other entry names. ``dimensions`` come by size.
    """

    tenths: int
    touches: int
    touchpoint: str | None = None
    day: date | None = None
    channel: str | None = None
    dimensions: tuple[str, ...] = ()


class Tally(NamedTuple):
    """The entries, strongest first and what is left last; they sum to ``score - baseline``."""

    score: int
    baseline: int
    entries: tuple[Entry, ...]


class _Group(NamedTuple):
    """Parts that are told of together, and the entry they make."""

    points: float
    parts: Sequence[Part]
    day: date | None


def tally(score: Score, zone: tzinfo, most: int) -> Tally:
    """The ``most`` strongest groups of a score's parts, by days in ``zone``, and the rest.

    What comes to less than it takes to be shown is left out.
    """
    groups, rest = _groups(score.parts, zone)
    groups.sort(key=lambda group: -abs(group.points))  # stable: of equal ones the first stays so
    rest += [part for group in groups[most:] for part in group.parts]
    groups = groups[:most]
    named = {part.event for group in groups for part in group.parts} - {None}
    points = [group.points for group in groups]
    if rest:
        points.append(fsum(part.points for part in rest))
    base = tenths_of(score.baseline)
    at = tenths_of(score.score) if points else base  # they may differ by a rounding
    figures = rounded(points, at - base)
    entries = [_entry(*each) for each in zip(figures, groups, strict=False)]
    if rest:
        entries.append(Entry(figures[-1], max(score.events - len(named), 0)))
    return Tally(at, base, tuple(entry for entry in entries if entry.tenths))


def tenths_of(points: float) -> int:
    """Points in whole tenths."""
    return round(points * 10)


def rounded(points: Sequence[float], total: int) -> list[int]:
    """``points`` in tenths that sum to ``total``, each as near to its own value as that allows.

    ``total`` is their sum rounded, or the difference of two rounded figures; of no points it can
    only be 0.
    """
    if not points:
        return []
    exact = [each * 10 for each in points]
    figures = [floor(each) for each in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: figures[at] - exact[at])
    for at in by_remainder[: max(total - sum(figures), 0)]:
        figures[at] += 1
    # Two figures that were rounded apart may be one tenth further off; the largest bears it best.
    largest = max(range(len(exact)), key=lambda at: abs(exact[at]))
    figures[largest] += total - sum(figures)
    return figures


def _groups(parts: Sequence[Part], zone: tzinfo) -> tuple[list[_Group], list[Part]]:
    """Parts by touchpoint, day and sign or by channel, and those that have neither."""
    together: dict[tuple[str | None, date | None, str | None, bool], list[Part]] = {}
    rest: list[Part] = []
    for part in parts:
        day = None if part.at is None else part.at.astimezone(zone).date()
        tires = part.dimension == FATIGUE and part.channel is not None
        if not tires and (part.event is None or part.touchpoint is None or day is None):
            rest.append(part)
            continue
        key = (part.touchpoint, day, part.channel, part.points < 0.0)
        together.setdefault(key, []).append(part)
    groups = [
        _Group(fsum(part.points for part in members), members, key[1])
        for key, members in together.items()
    ]
    return groups, rest


def _entry(tenths: int, group: _Group) -> Entry:
    by_dimension: dict[str, float] = {}
    for part in group.parts:
        by_dimension[part.dimension] = by_dimension.get(part.dimension, 0.0) + abs(part.points)
    first = group.parts[0]
    return Entry(
        tenths,
        len({part.event for part in group.parts}),
        first.touchpoint,
        group.day,
        first.channel,
        tuple(sorted(by_dimension, key=lambda name: -by_dimension[name])),
    )
