"""The score: the level made bounded, with its confidence and an exactly additive explanation."""

from datetime import UTC, datetime
from math import exp, sqrt
from typing import Final, NamedTuple

from pipeline.core.anticipate.outlook import outlooks_of
from pipeline.core.anticipate.readings import Seen
from pipeline.core.customer import Customer
from pipeline.core.perceive.account import level
from pipeline.core.perceive.character import Known, behaviour_of, stage_of
from pipeline.core.perceive.decay import CONTACTS, CROWDING, EVIDENCE, Scales, scales
from pipeline.core.perceive.expectation import context_at
from pipeline.core.perceive.fatigue import crowding_cost, fatigue_cost
from pipeline.core.perceive.promises import is_overdue
from pipeline.core.perceive.ratio import over_servicing, read_ratio
from pipeline.core.perceive.recovery import is_open
from pipeline.core.perceive.value import perceived_value
from pipeline.core.policy.check import FATIGUE
from pipeline.core.policy.compiled import Policy
from pipeline.core.profile import tier_of
from schemas.perception import Part, Score

_NORMAL_95: Final = 1.96
# Below this level S - S_b is its slope times the level to within 1e-11 points.
_FLAT: Final = 1e-6
# What is left of a dimension whose events are all named is rounding, far below a billionth point.
_ROUNDING: Final = 1e-13


def points(logit: float) -> float:
    """100 times the sigmoid: from log-odds to [0, 100], without overflow at either end."""
    if logit >= 0.0:
        return 100.0 / (1.0 + exp(-logit))
    grown = exp(logit)  # exp() of a large negative number is 0, of a large one an error
    return 100.0 * grown / (1.0 + grown)


class _Levels(NamedTuple):
    """Sums of log-odds: of everything, without fatigue, and of core dimensions alone."""

    total: float
    impression: float
    loyalty: float


def score_at(customer: Customer, policy: Policy, at_s: float) -> float:
    """The score as of ``at_s``, in [0, 100]."""
    base = policy.base_logits[tier_of(customer, policy)]
    return points(base + level(customer, policy, scales(customer, at_s)))


def full_score(name: str, customer: Customer, policy: Policy, at_s: float) -> Score:
    """Every reading of a customer as of ``at_s``, explained."""
    tier, scale = tier_of(customer, policy), scales(customer, at_s)
    context = context_at(customer, at_s, policy)
    base, levels = policy.base_logits[tier], _levels(customer, policy, scale)
    total = levels.total
    evidence = customer.evidence * scale[EVIDENCE]
    known = evidence + policy.confidence_prior
    margin = _NORMAL_95 * policy.spread / sqrt(known)
    score, baseline = points(base + total), points(base)
    per_logit = _points_per_logit(score, baseline, total)
    ratio = read_ratio(customer, tier, context, policy, scale)
    signs = Known(customer, tier, at_s, scale, ratio.ratio, context, policy)
    return Score(
        customer=name,
        score=score,
        baseline=baseline,
        confidence=evidence / known,
        low=points(base + total - margin),
        high=points(base + total + margin),
        impression=points(base + levels.impression),
        loyalty=points(base + levels.loyalty),
        ratio=ratio.ratio,
        band=ratio.band,
        value=perceived_value(ratio.ratio, customer, scale, policy.value),
        over_servicing=over_servicing(ratio.ratio, customer.cost * scale[EVIDENCE], policy.ratio),
        as_of=datetime.fromtimestamp(at_s, UTC),
        events=customer.events,
        tier=tier,
        behaviour=behaviour_of(signs),
        stage=stage_of(signs),
        open_failures=sum(is_open(each, policy.recovery) for each in customer.failures),
        open_promises=sum(not each.outcome for each in customer.promises),
        overdue_promises=sum(is_overdue(each, at_s) for each in customer.promises),
        merged_into=customer.merged_into,
        policy=policy.ref,
        dimensions=ratio.dimensions,
        parts=tuple(_parts(customer, policy, scale, per_logit)),
        outlooks=outlooks_of(Seen(signs, score)) if policy.outlooks else (),
    )


def _levels(customer: Customer, policy: Policy, scale: Scales) -> _Levels:
    """``total`` is what ``account.level`` says, to the bit: the same sum in the same order."""
    impression = loyalty = 0.0
    core = policy.core_dimensions
    for name, account in customer.dimensions.items():
        felt = (account.gains - account.losses) * scale[account.decay]
        impression += felt
        if name in core:
            loyalty += felt
    tired = fatigue_cost(customer, policy.fatigue, scale) if customer.crowds else 0.0
    return _Levels(impression - tired, impression, loyalty)


def _parts(customer: Customer, policy: Policy, scale: Scales, per_logit: float) -> list[Part]:
    """Summands of ``score - baseline`` in points, in no order of size.

    Each part ``l_i`` of the level ``L`` takes its share of the difference (Aumann-Shapley on the
    outer link): ``phi_i = l_i * (S - S_b) / L``, at ``L`` near zero ``l_i`` times the slope. What
    no event is named for is one part a dimension, by difference, so the parts sum to the whole.
    """
    dimensions, half_lives_s = customer.dimensions, customer.half_lives_s
    landmarks = customer.landmarks
    rest = {
        name: (account.gains - account.losses) * scale[account.decay]
        for name, account in dimensions.items()
    }
    parts: list[Part] = []
    moments: dict[float, datetime] = {}  # an event has several parts, and making one is dear
    for kept in customer.kept:
        name, time_s = kept.dimension, kept.time_s
        decay = dimensions[name].decay
        weight: float = 2.0 ** (time_s / half_lives_s[decay] - landmarks[decay])
        value = kept.value * weight * scale[decay]
        rest[name] -= value
        happened_s = time_s if kept.happened_s is None else kept.happened_s
        at = moments.get(happened_s)
        if at is None:
            at = moments[happened_s] = datetime.fromtimestamp(happened_s, UTC)
        parts.append(Part(name, value * per_logit, kept.touchpoint, kept.event, at))
    for name, left in rest.items():
        if left > _ROUNDING or left < -_ROUNDING:
            parts.append(Part(name, left * per_logit))
    for channel, crowd in customer.crowds.items():
        count, squared = crowd.count * scale[CONTACTS], crowd.squared * scale[CROWDING]
        cost = crowding_cost(count, squared, policy.fatigue)
        if cost > 0.0:
            parts.append(Part(FATIGUE, -cost * per_logit, channel=channel))
    return parts


def _points_per_logit(score: float, baseline: float, total: float) -> float:
    if abs(total) > _FLAT:
        return (score - baseline) / total
    at_base = baseline / 100.0
    return 100.0 * at_base * (1.0 - at_base)
