"""A policy compiled: constants and tables, so that the hot path looks nothing up by name."""

from collections.abc import Mapping
from math import log
from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.core.perceive.decay import FIXED
from pipeline.core.policy.character import CharacterPolicy
from pipeline.core.policy.check import OBSERVED, is_core, is_must_be, kano_factors
from pipeline.core.policy.models import CarePolicy, Limits, PolicyFile
from pipeline.core.policy.plan import (
    INTENTS,
    Candidate,
    Plan,
    compile_candidates,
    compile_plans,
    norm_of,
)
from pipeline.core.policy.weights import segment_weights
from schemas.perception import PolicyRef

DAY_S: Final = 86_400.0


class Fatigue(NamedTuple):
    """The constants of ``perceive.fatigue``, and the channels that tire on their own."""

    channels: frozenset[str]
    free_contacts: float
    cost: float
    huber_width: float


class Expectation(NamedTuple):
    """The constants of ``perceive.expectation``: precisions, and the lift of revenue."""

    norm: float
    competition: float
    promise: float
    cue: float
    settle_s: float
    typical_revenue: float
    revenue_lift: float
    largest_lift: float


class Ratio(NamedTuple):
    """The constants of ``perceive.ratio``."""

    quality_prior: float
    experience_prior: float
    experience_share: float
    inconsistency: float
    target_low: float
    target_high: float
    zone: float


class Recovery(NamedTuple):
    """The constants of ``perceive.recovery``; ``severity`` is that of an unresolved failure."""

    severity: float
    outcome_share: float
    treatment_share: float
    procedure_share: float
    unknown_justice: float
    bonus: float
    bonus_from: float
    second_failure_s: float
    free_hand_overs: float
    hand_over_growth: float
    largest_growth: float


class Promises(NamedTuple):
    """The constants of ``perceive.promises``: what an outcome is worth per unit of weight.

    ``qualities`` and ``worth`` (against the dimension's norm) are by outcome, ``weights`` (gain
    and weight of the dimension) by tier and intent.
    """

    dimension: str
    qualities: tuple[float, float, float, float, float]
    worth: tuple[float, float, float, float, float]
    weights: Mapping[tuple[str, str], float]


class Repeats(NamedTuple):
    """The constants of ``perceive.repeats``; ``worth`` is per unit of weight, below zero."""

    dimension: str
    within_s: float
    quality: float
    worth: float
    weights: Mapping[tuple[str, str], float]


class Value(NamedTuple):
    """The constants of ``perceive.value``: shares by kind of sacrifice, and a prior."""

    shares: Mapping[str, float]
    largest_burden: float
    prior: float


class Standing(NamedTuple):
    """What one dimension counts for a tier whatever the intent, and what the tier expects."""

    dimension: str
    weight: float
    norm: float
    cue: float | None
    lifts: bool


class Policy(NamedTuple):
    """A policy ready for the hot path.

    ``half_lives_s`` are the half-lives in seconds; a ``decay`` elsewhere is an index into them
    (``decays``: of each dimension). ``plans`` are found by tier, intent and touchpoint name;
    ``by_event`` has the touchpoints of an event type. ``standing`` is by tier.
    """

    ref: PolicyRef
    limits: Limits
    earliest_s: float
    latest_s: float
    care: CarePolicy
    character: CharacterPolicy
    default_tier: str
    base_logits: Mapping[str, float]
    baselines: Mapping[str, float]
    curvature: float
    largest_distance: float
    confidence_prior: float
    spread: float
    half_lives_s: tuple[float, ...]
    decays: Mapping[str, int]
    core_dimensions: frozenset[str]
    fatigue: Fatigue
    expectation: Expectation
    ratio: Ratio
    recovery: Recovery
    repeats: Repeats
    promises: Promises
    value: Value
    standing: Mapping[str, Mapping[str, Standing]]
    by_event: Mapping[str, tuple[Candidate, ...]]
    observed: frozenset[str]
    plans: Mapping[tuple[str, str, str], Plan]
    file: PolicyFile


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
        character=file.character,
        default_tier=file.default_tier,
        base_logits=MappingProxyType({n: log(b / (100.0 - b)) for n, b in baselines.items()}),
        baselines=MappingProxyType(baselines),
        curvature=file.score.curvature.value,
        largest_distance=file.score.largest_distance.value,
        confidence_prior=file.score.confidence_prior.value,
        spread=file.score.spread.value,
        half_lives_s=half_lives,
        decays=MappingProxyType(decays),
        core_dimensions=frozenset(n for n, d in file.dimensions.items() if is_core(d.kano)),
        fatigue=Fatigue(
            channels=frozenset(file.fatigue.channels),
            free_contacts=file.fatigue.free_contacts.value,
            cost=file.fatigue.cost.value,
            huber_width=file.fatigue.huber_width.value,
        ),
        expectation=_expectation(file),
        ratio=_ratio(file),
        recovery=_recovery(file),
        repeats=_repeats(file),
        promises=_promises(file),
        value=_value(file),
        standing=MappingProxyType({tier: _standing(file, tier) for tier in file.tiers}),
        by_event=MappingProxyType(compile_candidates(file)),
        observed=frozenset(n for n, t in file.touchpoints.items() if t.event == OBSERVED),
        plans=MappingProxyType(compile_plans(file, decays)),
        file=file,
    )


def _half_lives(file: PolicyFile) -> tuple[float, ...]:
    # The first places are fixed: see perceive.decay. They may hold the same number.
    contacts = file.fatigue.half_life_days.value
    fixed = (
        file.score.half_life_days.value,
        contacts,
        contacts / 2.0,
        file.ratio.experience_half_life_days.value,
    )
    own = {d.half_life_days for d in file.dimensions.values()} - {None, fixed[0]}
    return tuple(days * DAY_S for days in (*fixed, *sorted(days for days in own if days)))


def _decay(file: PolicyFile, half_lives: tuple[float, ...], dimension: str) -> int:
    days = file.dimensions[dimension].half_life_days
    if days is None or days == file.score.half_life_days.value:
        return 0
    return half_lives.index(days * DAY_S, FIXED)


def _standing(file: PolicyFile, tier: str) -> Mapping[str, Standing]:
    by_intent = [segment_weights(file, tier, intent) for intent in INTENTS]
    return MappingProxyType(
        {
            name: Standing(
                name,
                sum(weights[name] for weights in by_intent) / len(by_intent),
                norm_of(file, tier, name),
                file.tiers[tier].cues.get(name),
                not is_must_be(file.dimensions[name].kano),
            )
            for name in file.dimensions
        }
    )


def _expectation(file: PolicyFile) -> Expectation:
    given = file.expectation
    return Expectation(
        norm=given.norm_precision.value,
        competition=given.competition_precision.value,
        promise=given.promise_precision.value,
        cue=given.cue_precision.value,
        settle_s=given.settle_days.value * DAY_S,
        typical_revenue=given.typical_revenue.value,
        revenue_lift=given.revenue_lift.value,
        largest_lift=given.largest_lift.value,
    )


def _ratio(file: PolicyFile) -> Ratio:
    given = file.ratio
    return Ratio(
        quality_prior=given.quality_prior.value,
        experience_prior=given.experience_prior.value,
        experience_share=given.experience_share.value,
        inconsistency=given.inconsistency.value,
        target_low=given.target_low.value,
        target_high=given.target_high.value,
        zone=file.score.zone_of_tolerance.value,
    )


def _recovery(file: PolicyFile) -> Recovery:
    given = file.recovery
    return Recovery(
        severity=file.score.unresolved_severity.value,
        outcome_share=given.outcome_share.value,
        treatment_share=given.treatment_share.value,
        procedure_share=given.procedure_share.value,
        unknown_justice=given.unknown_justice.value,
        bonus=given.bonus.value,
        bonus_from=given.bonus_from.value,
        second_failure_s=given.second_failure_days.value * DAY_S,
        free_hand_overs=given.free_hand_overs.value,
        hand_over_growth=given.hand_over_growth.value,
        largest_growth=given.largest_growth.value,
    )


def _repeats(file: PolicyFile) -> Repeats:
    given = file.repeats
    return Repeats(
        dimension=given.dimension,
        within_s=given.within_hours.value * 3_600.0,
        quality=given.quality.value,
        worth=_worth(file, given.dimension, given.quality.value, 1.0),
        weights=_weights(file, given.dimension),
    )


def _promises(file: PolicyFile) -> Promises:
    given = file.promises
    name, severity = given.dimension, file.score.unresolved_severity.value
    qualities = (given.kept.value, given.late.value, given.withdrawn.value, given.broken.value)
    kept, late, withdrawn = (_worth(file, name, quality, 1.0) for quality in qualities[:3])
    broken = _worth(file, name, qualities[3], severity)
    return Promises(
        dimension=name,
        qualities=(0.0, *qualities),
        worth=(0.0, kept, late, withdrawn, broken),
        weights=_weights(file, name),
    )


def _worth(file: PolicyFile, name: str, quality: float, severity: float) -> float:
    """What a quality is worth against the norm of a dimension, per unit of weight."""
    score, dimension = file.score, file.dimensions[name]
    k_gain, k_loss = kano_factors(dimension.kano)
    x = (quality - dimension.norm) / score.zone_of_tolerance.value
    size: float = min(abs(x), score.largest_distance.value) ** score.curvature.value
    return k_gain * size if x > 0.0 else -score.loss_aversion.value * k_loss * severity * size


def _weights(file: PolicyFile, name: str) -> Mapping[tuple[str, str], float]:
    """Gain times weight of a dimension, by tier and intent."""
    gain = file.score.gain.value
    return MappingProxyType(
        {
            (tier, intent): gain * segment_weights(file, tier, intent)[name]
            for tier in file.tiers
            for intent in INTENTS
        }
    )


def _value(file: PolicyFile) -> Value:
    given = file.value
    shares = {
        "time": given.time_share.value,
        "effort": given.effort_share.value,
        "money": given.money_share.value,
    }
    return Value(MappingProxyType(shares), given.largest_burden.value, given.prior.value)
