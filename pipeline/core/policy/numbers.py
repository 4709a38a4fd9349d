"""The sections of a policy as plain numbers, as the formulas of ``core/perceive`` take them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.core.policy.check import is_must_be, kano_factors
from pipeline.core.policy.constants import Constant, Section
from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.plan import INTENTS, expected_level, norm_of
from pipeline.core.policy.weights import segment_weights

DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0


class Fatigue(NamedTuple):
    """The constants of ``perceive.fatigue``, and the channels that tire on their own."""

    channels: frozenset[str]
    free_contacts: float
    cost: float
    huber_width: float


class Expectation(NamedTuple):
    """The constants of ``perceive.expectation``: precisions, and the lift of revenue."""

    norm_precision: float
    competition_precision: float
    promise_precision: float
    cue_precision: float
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
    worth: float
    weights: Mapping[tuple[str, str], float]


class Value(NamedTuple):
    """The constants of ``perceive.value``: shares by kind of sacrifice, and a prior."""

    shares: Mapping[str, float]
    largest_burden: float
    prior: float


class Standing(NamedTuple):
    """What one dimension counts for a tier whatever the intent, and what the tier expects.

    ``expected`` is of ``norm`` and ``cue`` alone; ``lifts``: dearer customers expect more.
    """

    dimension: str
    weight: float
    norm: float
    cue: float | None
    expected: float
    lifts: bool


def standing_of(file: PolicyFile, tier: str) -> Mapping[str, Standing]:
    """What each dimension counts for a tier, by name."""
    by_intent = [segment_weights(file, tier, intent) for intent in INTENTS]
    found: dict[str, Standing] = {}
    for name, dimension in file.dimensions.items():
        norm, cue = norm_of(file, tier, name), file.tiers[tier].cues.get(name)
        found[name] = Standing(
            dimension=name,
            weight=sum(weights[name] for weights in by_intent) / len(by_intent),
            norm=norm,
            cue=cue,
            expected=expected_level(file, norm, cue),
            lifts=not is_must_be(dimension.kano),
        )
    return MappingProxyType(found)


def fatigue_of(file: PolicyFile) -> Fatigue:
    """See ``Fatigue``."""
    given = file.fatigue
    channels = frozenset[str](given.channels)
    return Fatigue(channels, **_values(given, but=("half_life_days",)))


def expectation_of(file: PolicyFile) -> Expectation:
    """See ``Expectation``."""
    given = file.expectation
    settle_s = given.settle_days.value * DAY_S
    return Expectation(settle_s=settle_s, **_values(given, but=("settle_days",)))


def ratio_of(file: PolicyFile) -> Ratio:
    """See ``Ratio``."""
    zone = file.score.zone_of_tolerance.value
    return Ratio(zone=zone, **_values(file.ratio, but=("experience_half_life_days",)))


def recovery_of(file: PolicyFile) -> Recovery:
    """See ``Recovery``."""
    given = file.recovery
    return Recovery(
        severity=file.score.unresolved_severity.value,
        second_failure_s=given.second_failure_days.value * DAY_S,
        **_values(given, but=("second_failure_days",)),
    )


def _values(section: Section, but: tuple[str, ...]) -> dict[str, float]:
    """The constants of a section by name, without those that are converted."""
    constants = {name: getattr(section, name) for name in type(section).model_fields}
    return {n: c.value for n, c in constants.items() if isinstance(c, Constant) and n not in but}


def repeats_of(file: PolicyFile) -> Repeats:
    """See ``Repeats``."""
    given = file.repeats
    return Repeats(
        dimension=given.dimension,
        within_s=given.within_hours.value * _HOUR_S,
        worth=_worth(file, given.dimension, given.quality.value, 1.0),
        weights=_weights(file, given.dimension),
    )


def promises_of(file: PolicyFile) -> Promises:
    """See ``Promises``."""
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


def value_of(file: PolicyFile) -> Value:
    """See ``Value``."""
    given = file.value
    shares = {
        "time": given.time_share.value,
        "effort": given.effort_share.value,
        "money": given.money_share.value,
    }
    return Value(MappingProxyType(shares), given.largest_burden.value, given.prior.value)
