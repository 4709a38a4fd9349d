"""The score: the level made bounded, with its confidence and an exactly additive explanation."""

from datetime import UTC, datetime
from math import exp, sqrt
from typing import Final

from pipeline.core.customer import Customer
from pipeline.core.perceive.account import level
from pipeline.core.perceive.decay import CONTACTS, EVIDENCE, Scales, scales
from pipeline.core.perceive.fatigue import fatigue_cost
from pipeline.core.policy.plan import Policy
from schemas.perception import Part, Score

FATIGUE: Final = "fatigue"
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


def tier_of(customer: Customer, policy: Policy) -> str:
    """The customer's tier, or the policy's default where it is unknown to the policy."""
    tier = customer.tier
    return tier if tier is not None and tier in policy.base_logits else policy.default_tier


def score_at(customer: Customer, policy: Policy, at_s: float) -> float:
    """The score as of ``at_s``, in [0, 100]."""
    base = policy.base_logits[tier_of(customer, policy)]
    return points(base + level(customer, policy, scales(customer, at_s)))


def full_score(name: str, customer: Customer, policy: Policy, at_s: float) -> Score:
    """The score of a customer as of ``at_s``, explained."""
    tier, scale = tier_of(customer, policy), scales(customer, at_s)
    base, total = policy.base_logits[tier], level(customer, policy, scale)
    evidence = customer.evidence * scale[EVIDENCE]
    known = evidence + policy.confidence_prior
    margin = _NORMAL_95 * policy.spread / sqrt(known)
    score, baseline = points(base + total), points(base)
    per_logit = _points_per_logit(score, baseline, total)
    return Score(
        customer=name,
        score=score,
        baseline=baseline,
        confidence=evidence / known,
        low=points(base + total - margin),
        high=points(base + total + margin),
        as_of=datetime.fromtimestamp(at_s, UTC),
        events=customer.events,
        tier=tier,
        policy=policy.ref,
        parts=tuple(_parts(customer, policy, scale, per_logit)),
    )


def _parts(customer: Customer, policy: Policy, scale: Scales, per_logit: float) -> list[Part]:
    """Summands of ``score - baseline`` in points, in no order of size.

    Each part ``l_i`` of the level ``L`` takes its share of the difference (Aumann-Shapley on the
    outer link): ``phi_i = l_i * (S - S_b) / L``, at ``L`` near zero ``l_i`` times the slope. What
    no event is named for is one part a dimension, by difference, so the parts sum to the whole.
    """
    dimensions, half_lives_s = customer.dimensions, customer.half_lives_s
    landmarks = customer.landmarks
    rest = {
        name: (sums.gains - sums.losses) * scale[sums.decay] for name, sums in dimensions.items()
    }
    parts: list[Part] = []
    moments: dict[float, datetime] = {}  # an event has several parts, and making one is dear
    for kept in customer.kept:
        name, time_s = kept.dimension, kept.time_s
        decay = dimensions[name].decay
        weight: float = 2.0 ** (time_s / half_lives_s[decay] - landmarks[decay])
        value = kept.value * weight * scale[decay]
        rest[name] -= value
        at = moments.get(time_s)
        if at is None:
            at = moments[time_s] = datetime.fromtimestamp(time_s, UTC)
        parts.append(Part(name, value * per_logit, kept.touchpoint, kept.event, at))
    for name, left in rest.items():
        if left > _ROUNDING or left < -_ROUNDING:
            parts.append(Part(name, left * per_logit))
    cost = fatigue_cost(customer.contacts * scale[CONTACTS], policy.fatigue)
    if cost > 0.0:
        parts.append(Part(FATIGUE, -cost * per_logit))
    return parts


def _points_per_logit(score: float, baseline: float, total: float) -> float:
    if abs(total) > _FLAT:
        return (score - baseline) / total
    at_base = baseline / 100.0
    return 100.0 * at_base * (1.0 - at_base)
