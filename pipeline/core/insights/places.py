"""Where a dimension belongs by the policy, and sums put together by the values of an axis.

A touch that names no department counts, dimension by dimension, for the one that answers for the
dimension; so it counts once in each of them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.core.policy.compiled import Policy
from schemas.insight_rows import Sums
from schemas.insights import Axis

# Axes whose values are told of dimensions by the policy: no touch names them.
_BY_POLICY: frozenset[Axis] = frozenset(("dimension", "layer"))


class Places(NamedTuple):
    """Layer and department of each dimension; ``points`` is what one log-odd moves a score by.

    The slope is that at the baseline, where it is largest for most customers: what a dimension
    moved cannot be told from what all dimensions of a touch moved together.
    """

    layers: Mapping[str, str]
    departments: Mapping[str, str]
    points: float


class Group(NamedTuple):
    """Sums of one value of an axis, and of each of its dimensions."""

    all: Sums
    by_dimension: Mapping[str, Sums]


def places_of(policy: Policy) -> Places:
    """The places of a policy."""
    dimensions = policy.file.dimensions
    share = policy.baselines[policy.default_tier] / 100.0
    return Places(
        {name: each.layer for name, each in dimensions.items()},
        {name: each.department for name, each in dimensions.items()},
        100.0 * share * (1.0 - share),
    )


def stored_axis(axis: Axis) -> str:
    """The axis of the roll-ups to read: every touch has one tier, and there are few."""
    return "tier" if axis in _BY_POLICY else axis


def dimensions_of(axis: Axis, value: str, places: Places) -> frozenset[str] | None:
    """The dimensions that ``value`` is made of by the policy; ``None`` if it is not."""
    match axis:
        case "dimension":
            return frozenset((value,))
        case "layer":
            return frozenset(d for d, layer in places.layers.items() if layer == value)
        case "department":
            return frozenset(d for d, name in places.departments.items() if name == value)
        case _:
            return None


def grouped(
    axis: Axis, rows: Iterable[Sums], places: Places, dimension: str | None = None
) -> dict[str, Group]:
    """``rows`` by the values of ``axis``, of one ``dimension`` or of all. Nameless ones are left
    out."""
    found: dict[str, dict[str, Sums]] = {}
    for row in rows:
        value = _value(axis, row, places)
        if value:
            kept = found.setdefault(value, {})
            part = _part(axis, row, places, dimension)
            if part is not None:
                kept[row.dimension] = added(kept.get(row.dimension), part)
    return {value: _group(value, parts) for value, parts in found.items() if parts}


def added(one: Sums | None, other: Sums) -> Sums:
    """The sums of both together."""
    if one is None:
        return other
    return Sums(
        other.value,
        other.dimension,
        one.touches + other.touches,
        one.felt + other.felt,
        one.quality + other.quality,
        one.expected + other.expected,
        one.gained + other.gained,
        one.lost + other.lost,
        one.moved + other.moved,
        other.start,
    )


def _value(axis: Axis, row: Sums, places: Places) -> str | None:
    """The value that a row counts for, empty or ``None`` if for none."""
    match axis:
        case "dimension":
            return row.dimension
        case "layer":
            return places.layers.get(row.dimension)
        case "department":
            return row.value or places.departments.get(row.dimension)
        case _:
            return row.value


def _part(axis: Axis, row: Sums, places: Places, dimension: str | None) -> Sums | None:
    """What a row adds: touches and points are counted once, by whichever row can tell them."""
    by_dimension = axis in _BY_POLICY or dimension is not None or not row.value
    if not by_dimension:
        # Touches are counted in the row of no dimension; this one has what was felt in one.
        return row._replace(touches=0, moved=0.0) if row.dimension else row
    if not row.dimension or dimension not in (None, row.dimension):
        return None
    return row._replace(moved=(row.gained - row.lost) * places.points)


def _group(value: str, parts: Mapping[str, Sums]) -> Group:
    total: Sums | None = None
    for part in parts.values():
        total = added(total, part)
    assert total is not None  # noqa: S101 - an empty group is none
    return Group(
        total._replace(value=value, dimension=""), {d: sums for d, sums in parts.items() if d}
    )
