"""Scores made by hand, for tests of what is told of them."""

from datetime import datetime
from math import fsum
from typing import Any

from schemas.perception import DimensionReading, Kind, Part, PolicyRef, Score


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def part(
    dimension: str, points: float, touchpoint: str | None, event: str | None, when: str | None
) -> Part:
    """A part named for an event, or with ``None`` in its place the rest of a dimension."""
    return Part(dimension, points, touchpoint, event, None if when is None else at(when))


def rest(dimension: str, points: float) -> Part:
    return Part(dimension, points)


def tired(channel: str, points: float) -> Part:
    return Part("fatigue", points, channel=channel)


def reading(dimension: str, perceived: float, expected: float, **more: Any) -> DimensionReading:
    """A reading of weight 1; the norm is what is expected unless given."""
    given = {"weight": 1.0, "norm": expected} | more
    return DimensionReading(dimension, perceived, expected, **given)


def score_of(*parts: Part, baseline: float = 75.0, **changes: Any) -> Score:
    """A score with these parts; ``changes`` replace fields."""
    score = baseline + fsum(part.points for part in parts)
    given: dict[str, Any] = {
        "customer": "ann",
        "score": score,
        "baseline": baseline,
        "confidence": 0.5,
        "low": 0.0,
        "high": 100.0,
        "impression": score,
        "loyalty": score,
        "ratio": 1.0,
        "band": "satisfied",
        "value": 1.0,
        "over_servicing": 0.0,
        "as_of": at("2026-05-04T12:00:00Z"),
        "events": len({part.event for part in parts} - {None}),
        "tier": "ordinary",
        "behaviour": None,
        "stage": Kind("exchange"),
        "open_failures": 0,
        "open_promises": 0,
        "overdue_promises": 0,
        "policy": PolicyRef("default", "2", "00"),
        "dimensions": (),
        "parts": parts,
    }
    return Score(**(given | changes))
