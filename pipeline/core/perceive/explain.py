"""Why a score is what it is: its parts, their sums by what one may ask for, and its readings."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import fsum
from typing import NamedTuple

import msgspec

from pipeline.core.perceive.ratio import layer_ratios
from pipeline.core.policy.check import FATIGUE
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.models import Layer
from schemas.perception import Band, DimensionReading, Part, PolicyRef, Ratio, Score

# Too many contacts wear on the mood, whatever they were about.
_LAYER_OF_FATIGUE: Layer = "emotion"


class Place(NamedTuple):
    """Where a dimension belongs: its layer of service, and the department that answers for it."""

    layer: str
    department: str


class ExplainedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One summand of ``score - baseline``, in points, as ``Part`` has it, with its place.

    ``event`` is null for all earlier and smaller ones. ``layer`` and ``department`` are null for
    a dimension that the policy does not know any more.
    """

    dimension: str
    points: float
    touchpoint: str | None
    event: str | None
    at: datetime | None
    layer: str | None
    department: str | None
    channel: str | None = None


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
    """The difference between a customer's score and the baseline, in points, part by part.

    ``ratio`` is perceived over expected, 1 as expected, ``layers`` the same of each layer that
    was felt; ``dimensions`` has every source of what is expected on its own.
    """

    customer: str
    score: float
    baseline: float
    difference: float
    as_of: datetime
    policy: PolicyRef
    ratio: Ratio
    band: Band
    layers: dict[str, Ratio]
    dimensions: tuple[DimensionReading, ...]
    parts: tuple[ExplainedPart, ...]
    sums: Sums


def places_of(policy: Policy) -> dict[str, Place]:
    """The place of each dimension of a policy, and that of fatigue."""
    places = {name: Place(d.layer, d.department) for name, d in policy.file.dimensions.items()}
    places[FATIGUE] = Place(_LAYER_OF_FATIGUE, policy.file.fatigue.department)
    return places


def explain(score: Score, places: Mapping[str, Place]) -> Explanation:
    """The parts of ``score`` with their place, largest first, their sums, and the readings."""
    parts = [_placed(part, places.get(part.dimension)) for part in score.parts]
    parts.sort(key=lambda p: (-abs(p.points), p.dimension, p.event or "", p.channel or ""))
    layers = {name: place.layer for name, place in places.items()}
    known = tuple(each for each in score.dimensions if each.dimension in layers)
    return Explanation(
        customer=score.customer,
        score=score.score,
        baseline=score.baseline,
        difference=score.score - score.baseline,
        as_of=score.as_of,
        policy=score.policy,
        ratio=score.ratio,
        band=score.band,
        layers=layer_ratios(known, layers),
        dimensions=score.dimensions,
        parts=tuple(parts),
        sums=Sums(
            event=_sums(parts, lambda part: part.event),
            dimension=_sums(parts, lambda part: part.dimension),
            layer=_sums(parts, lambda part: part.layer),
            touchpoint=_sums(parts, lambda part: part.touchpoint),
            department=_sums(parts, lambda part: part.department),
        ),
    )


def _placed(part: Part, place: Place | None) -> ExplainedPart:
    return ExplainedPart(
        dimension=part.dimension,
        points=part.points,
        touchpoint=part.touchpoint,
        event=part.event,
        at=part.at,
        channel=part.channel,
        layer=None if place is None else place.layer,
        department=None if place is None else place.department,
    )


def _sums(
    parts: Sequence[ExplainedPart], name_of: Callable[[ExplainedPart], str | None]
) -> tuple[Sum, ...]:
    points: dict[str | None, list[float]] = {}
    for part in parts:
        points.setdefault(name_of(part), []).append(part.points)
    sums = [Sum(name, fsum(values)) for name, values in points.items()]
    return tuple(sorted(sums, key=lambda each: (-abs(each.points), each.name or "")))
