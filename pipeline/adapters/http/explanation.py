"""Why a score is what it is: its parts, and their sums by what one may ask for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from math import fsum
from typing import NamedTuple

import msgspec

from schemas.perception import PolicyRef, Score

FATIGUE = "fatigue"
"""The part of too many contacts; it is of no dimension, so it stands for its layer as well."""


class Place(NamedTuple):
    """Where a dimension belongs: its layer of service, and the department that answers for it."""

    layer: str
    department: str


class ExplainedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One summand of ``score - baseline``; ``event`` is null for all earlier and smaller ones.

    ``layer`` and ``department`` are null for a dimension that the policy does not know any more.
    """

    points: float
    dimension: str
    layer: str | None
    department: str | None
    touchpoint: str | None
    event: str | None
    at: datetime | None


class Sum(msgspec.Struct, frozen=True):
    """Points of all parts of one name; null for parts that have none."""

    name: str | None
    points: float


class Sums(msgspec.Struct, frozen=True):
    """The same points, added up in five ways; each list sums to ``score - baseline``."""

    event: tuple[Sum, ...]
    dimension: tuple[Sum, ...]
    layer: tuple[Sum, ...]
    touchpoint: tuple[Sum, ...]
    department: tuple[Sum, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The difference between a customer's score and the baseline, in points, part by part."""

    customer: str
    score: float
    baseline: float
    difference: float
    as_of: datetime
    policy: PolicyRef
    parts: tuple[ExplainedPart, ...]
    sums: Sums


def explain(score: Score, places: Mapping[str, Place]) -> Explanation:
    """The parts of ``score`` with their place, largest first, and their sums."""
    fatigue, unknown = Place(FATIGUE, FATIGUE), None
    parts = []
    for part in score.parts:
        place = fatigue if part.dimension == FATIGUE else places.get(part.dimension, unknown)
        parts.append(
            ExplainedPart(
                points=part.points,
                dimension=part.dimension,
                layer=None if place is None else place.layer,
                department=None if place is None else place.department,
                touchpoint=part.touchpoint,
                event=part.event,
                at=part.at,
            )
        )
    parts.sort(key=lambda part: (-abs(part.points), part.dimension, part.event or ""))
    return Explanation(
        customer=score.customer,
        score=score.score,
        baseline=score.baseline,
        difference=score.score - score.baseline,
        as_of=score.as_of,
        policy=score.policy,
        parts=tuple(parts),
        sums=Sums(
            event=_sums(parts, lambda part: part.event),
            dimension=_sums(parts, lambda part: part.dimension),
            layer=_sums(parts, lambda part: part.layer),
            touchpoint=_sums(parts, lambda part: part.touchpoint),
            department=_sums(parts, lambda part: part.department),
        ),
    )


def _sums(
    parts: list[ExplainedPart], name_of: Callable[[ExplainedPart], str | None]
) -> tuple[Sum, ...]:
    points: dict[str | None, list[float]] = {}
    for part in parts:
        points.setdefault(name_of(part), []).append(part.points)
    sums = [Sum(name, fsum(values)) for name, values in points.items()]
    return tuple(sorted(sums, key=lambda each: (-abs(each.points), each.name or "")))
