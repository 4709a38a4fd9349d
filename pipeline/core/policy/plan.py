"""A policy compiled to tables, so that the hot path multiplies and looks nothing up by name."""

from collections.abc import Mapping
from math import log
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args

from pipeline.core.perceive.evidence import Felt, Reader
from pipeline.core.policy.check import OBSERVED, kano_factors
from pipeline.core.policy.models import CarePolicy, FeltRow, Limits, PolicyFile
from pipeline.core.policy.weights import segment_weights
from schemas.perception import PolicyRef
from schemas.touchpoints.common import Intent

DAY_S: Final = 86_400.0
INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)


class Row(NamedTuple):
    """One dimension felt in one touchpoint by one segment, multiplied out.

    A distance ``x = (quality - expected) * per_zone`` above zero contributes
    ``gain * x ** curvature``, below zero ``-loss * |x| ** curvature``, or ``-unresolved * ...`` if
    it is a failure that the event does not call resolved.
    """

    dimension: str
    decay: int
    felt: Felt
    expected: float
    per_zone: float
    gain: float
    loss: float
    unresolved: float


class Plan(NamedTuple):
    """What a touchpoint means to one tier and intent."""

    touchpoint: str | None
    rows: tuple[Row, ...]


class Fatigue(NamedTuple):
    """The constants of ``perceive.fatigue``."""

    free_contacts: float
    cost: float
    huber_width: float


class Policy(NamedTuple):
    """A policy ready for the hot path.

    ``half_lives_s`` are the half-lives in seconds; a ``decay`` elsewhere is an index into them
    (``decays``: of each dimension). ``plans`` are found by tier, intent and touchpoint name;
    ``by_event`` names the touchpoint of an event type.
    """

    ref: PolicyRef
    limits: Limits
    earliest_s: float
    latest_s: float
    care: CarePolicy
    default_tier: str
    base_logits: Mapping[str, float]
    baselines: Mapping[str, float]
    curvature: float
    largest_distance: float
    confidence_prior: float
    spread: float
    half_lives_s: tuple[float, ...]
    decays: Mapping[str, int]
    fatigue: Fatigue
    by_event: Mapping[str, str]
    observed: frozenset[str]
    plans: Mapping[tuple[str, str, str], Plan]
    file: PolicyFile


NOTHING_FELT: Final = Plan(None, ())


def compile_policy(file: PolicyFile, ref: PolicyRef) -> Policy:
    """Multiply a checked policy file out into tables."""
    half_lives = _half_lives(file)
    decays = {name: _decay(file, half_lives, name) for name in file.dimensions}
    baselines = {
        name: file.score.baseline.value if tier.baseline is None else tier.baseline
        for name, tier in file.tiers.items()
    }
    return Policy(
        ref=ref,
        limits=file.limits,
        earliest_s=file.limits.earliest_time.timestamp(),
        latest_s=file.limits.latest_time.timestamp(),
        care=file.care,
        default_tier=file.default_tier,
        base_logits=MappingProxyType({n: log(b / (100.0 - b)) for n, b in baselines.items()}),
        baselines=MappingProxyType(baselines),
        curvature=file.score.curvature.value,
        largest_distance=file.score.largest_distance.value,
        confidence_prior=file.score.confidence_prior.value,
        spread=file.score.spread.value,
        half_lives_s=half_lives,
        decays=MappingProxyType(decays),
        fatigue=Fatigue(
            free_contacts=file.fatigue.free_contacts.value,
            cost=file.fatigue.cost.value,
            huber_width=file.fatigue.huber_width.value,
        ),
        by_event=MappingProxyType(
            {t.event: name for name, t in file.touchpoints.items() if t.event != OBSERVED}
        ),
        observed=frozenset(n for n, t in file.touchpoints.items() if t.event == OBSERVED),
        plans=MappingProxyType(_plans(file, decays)),
        file=file,
    )


def _half_lives(file: PolicyFile) -> tuple[float, ...]:
    # The first two places are fixed: see perceive.decay. They may hold the same number.
    evidence, contacts = file.score.half_life_days.value, file.fatigue.half_life_days.value
    own = {d.half_life_days for d in file.dimensions.values()} - {None, evidence, contacts}
    return tuple(d * DAY_S for d in (evidence, contacts, *sorted(d for d in own if d)))


def _decay(file: PolicyFile, half_lives: tuple[float, ...], dimension: str) -> int:
    days = file.dimensions[dimension].half_life_days
    return 0 if days is None else half_lives.index(days * DAY_S)


def _plans(file: PolicyFile, decays: Mapping[str, int]) -> dict[tuple[str, str, str], Plan]:
    plans: dict[tuple[str, str, str], Plan] = {}
    for tier in file.tiers:
        for intent in INTENTS:
            weights = segment_weights(file, tier, intent)
            for name, touchpoint in file.touchpoints.items():
                rows = tuple(_row(file, weights, decays, felt) for felt in touchpoint.felt)
                plans[tier, intent, name] = Plan(name, rows)
    return plans


def _row(
    file: PolicyFile, weights: Mapping[str, float], decays: Mapping[str, int], felt: FeltRow
) -> Row:
    score, dimension = file.score, file.dimensions[felt.dimension]
    k_gain, k_loss = kano_factors(dimension.kano)
    scale = score.gain.value * weights[felt.dimension]
    loss = score.loss_aversion.value * scale * k_loss
    direction = -1.0 if dimension.kano == "reverse" else 1.0
    return Row(
        dimension=felt.dimension,
        decay=decays[felt.dimension],
        felt=felt.by.compile({measure: _reader(measure) for measure in felt.by.measures()}),
        expected=dimension.norm,
        per_zone=direction / score.zone_of_tolerance.value,
        gain=scale * k_gain,
        loss=loss,
        unresolved=loss * (score.unresolved_severity.value if felt.failure else 1.0),
    )


def _reader(measure: str) -> Reader:
    head, _, tail = measure.partition(".")
    field = attrgetter(head)
    if not tail:
        return field

    def read(data: Any) -> Any:
        inner = field(data)
        if inner is None:
            return None
        return inner.get(tail) if isinstance(inner, dict) else attrgetter(tail)(inner)

    return read
