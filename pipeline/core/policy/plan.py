"""What each touchpoint means to each segment, multiplied out: the tables of the hot path."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any, Final, NamedTuple, get_args

from pipeline.core.perceive.evidence import Evidence, Felt, Reader
from pipeline.core.policy.check import OBSERVED, is_must_be, kano_factors
from pipeline.core.policy.models import CaseStep, FeltRow, PolicyFile, Touchpoint
from pipeline.core.policy.readers import reader
from pipeline.core.policy.weights import segment_weights
from schemas.touchpoints.common import Intent

INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)


class Row(NamedTuple):
    """One dimension felt in one touchpoint by one segment, multiplied out.

    A distance ``x = (quality - expected) * per_zone`` above zero contributes
    ``gain * x ** curvature``, below zero ``-loss * |x| ** curvature``; with ``failure`` that is
    a failure where it is below the adequate level, unless the event says that it is settled.
    ``expected`` is of ``norm`` and ``cue`` alone; ``lifts``: dearer customers expect more.
    """

    dimension: str
    decay: int
    felt: Felt
    norm: float
    cue: float | None
    expected: float
    lifts: bool
    per_zone: float
    gain: float
    loss: float
    failure: bool


class Case(NamedTuple):
    """How a touch's part in a failure on record is read; see ``CaseStep``."""

    does: str
    id: Reader
    outcome: Reader
    treatment: Reader
    procedure: Reader
    satisfied: Reader


class Sacrifice(NamedTuple):
    """What a touch costs the customer: a measure in acceptable units."""

    kind: str
    measure: Reader
    acceptable: float


class Plan(NamedTuple):
    """What a touchpoint means to one tier and intent; see ``Touchpoint``."""

    touchpoint: str | None
    channel: str = "none"
    rows: tuple[Row, ...] = ()
    sacrifices: tuple[Sacrifice, ...] = ()
    case: Case | None = None
    unasked: bool = False
    initiative: bool = False
    cost: float = 0.0


class Candidate(NamedTuple):
    """A touchpoint of an event type, and the values that measures must have for it."""

    touchpoint: str
    where: tuple[tuple[Reader, str | bool], ...]


NOTHING_FELT: Final = Plan(None)

Plans = dict[tuple[str, str, str], Plan]
"""By tier, intent and touchpoint name."""


def compile_plans(file: PolicyFile, decays: Mapping[str, int]) -> Plans:
    """Multiply every touchpoint out for every tier and intent."""
    plans: Plans = {}
    for tier in file.tiers:
        for intent in INTENTS:
            weights = segment_weights(file, tier, intent)
            for name, touchpoint in file.touchpoints.items():
                rows = tuple(
                    _row(file, tier, weights, decays, felt) for felt in by_dimension(touchpoint)
                )
                plans[tier, intent, name] = _plan(name, touchpoint, rows)
    return plans


def compile_candidates(file: PolicyFile) -> dict[str, tuple[Candidate, ...]]:
    """The touchpoints of each event type, in the order of the file, but those of ``observed``.

    One without ``where`` takes what the others left, so it comes last.
    """
    found: dict[str, tuple[Candidate, ...]] = {}
    for name, touchpoint in file.touchpoints.items():
        if touchpoint.event != OBSERVED:
            where = tuple((reader(m), value) for m, value in touchpoint.where.items())
            found[touchpoint.event] = (*found.get(touchpoint.event, ()), Candidate(name, where))
    return {
        event: tuple(sorted(candidates, key=lambda candidate: not candidate.where))
        for event, candidates in found.items()
    }


def by_dimension(touchpoint: Touchpoint) -> list[list[FeltRow]]:
    """The rows of a touchpoint, those of one dimension together, in the order of the file."""
    found: dict[str, list[FeltRow]] = {}
    for row in touchpoint.felt:
        found.setdefault(row.dimension, []).append(row)
    return list(found.values())


def expected_level(file: PolicyFile, norm: float, cue: float | None) -> float:
    """The precision-weighted mean of a norm and a cue."""
    if cue is None:
        return norm
    surely, slightly = (
        file.expectation.norm_precision.value,
        file.expectation.cue_precision.value,
    )
    return (surely * norm + slightly * cue) / (surely + slightly)


def norm_of(file: PolicyFile, tier: str, dimension: str) -> float:
    """What customers of a tier take for granted, in [0, 1]. A must-be is the same for all."""
    given = file.dimensions[dimension]
    lift = 0.0 if is_must_be(given.kano) else file.tiers[tier].lift
    return min(max(given.norm + lift, 0.0), 1.0)


def _plan(name: str, touchpoint: Touchpoint, rows: tuple[Row, ...]) -> Plan:
    return Plan(
        touchpoint=name,
        channel=touchpoint.channel,
        rows=rows,
        sacrifices=tuple(
            Sacrifice(cost.kind, reader(cost.measure), cost.acceptable) for cost in touchpoint.costs
        ),
        case=None if touchpoint.case is None else _case(touchpoint.case),
        unasked=touchpoint.unasked,
        initiative=touchpoint.initiative,
        cost=touchpoint.cost,
    )


def _case(step: CaseStep) -> Case:
    return Case(
        step.does,
        reader(step.id),
        _maybe(step.outcome),
        _maybe(step.treatment),
        _maybe(step.procedure),
        _maybe(step.satisfied),
    )


def _maybe(measure: str | None) -> Reader:
    return _nothing if measure is None else reader(measure)


def _nothing(data: Any) -> None:
    return None


def _row(
    file: PolicyFile,
    tier: str,
    weights: Mapping[str, float],
    decays: Mapping[str, int],
    felt: Sequence[FeltRow],
) -> Row:
    """One row of all evidence for one dimension: a touch is felt once in each."""
    score, name = file.score, felt[0].dimension
    dimension = file.dimensions[name]
    k_gain, k_loss = kano_factors(dimension.kano)
    scale = score.gain.value * weights[name]
    direction = -1.0 if dimension.kano == "reverse" else 1.0
    norm = norm_of(file, tier, name)
    cue = next((row.cue for row in felt if row.cue is not None), file.tiers[tier].cues.get(name))
    return Row(
        dimension=name,
        decay=decays[name],
        felt=_felt([row.by for row in felt]),
        norm=norm,
        cue=cue,
        expected=expected_level(file, norm, cue),
        lifts=not is_must_be(dimension.kano),
        per_zone=direction / score.zone_of_tolerance.value,
        gain=scale * k_gain,
        loss=score.loss_aversion.value * scale * k_loss,
        failure=any(row.failure for row in felt),
    )


def _felt(evidence: Sequence[Evidence]) -> Felt:
    """The mean quality of what evidence an event has."""
    each = [by.compile({measure: reader(measure) for measure in by.measures()}) for by in evidence]
    if len(each) == 1:
        return each[0]

    def felt(data: Any) -> float | None:
        known = [quality for quality in (read(data) for read in each) if quality is not None]
        return fsum(known) / len(known) if known else None

    return felt
