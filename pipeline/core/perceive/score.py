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


def points(logit: float) -> float:
    """100 times the sigmoid: from log-odds to [0, 100], without overflow at either end."""
    if logit >= 0.0:
        return 100.0 / (1.0 + exp(-min(logit, 700.0)))
    grown = exp(max(logit, -700.0))
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
    per_logit = _points_per_logit(base, total)
    return Score(
        customer=name,
        score=points(base + total),
        baseline=points(base),
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
    """Summands of ``score - baseline`` in points, the largest named events first.

    Each part ``l_i`` of the level ``L`` takes its share of the difference (Aumann-Shapley on the
    outer link): ``phi_i = l_i * (S - S_b) / L``, at ``L`` near zero ``l_i`` times the slope. What
    no event is named for is one part a dimension, by difference, so the parts sum to the whole.
    """
    rest = {
        name: (sums.gains - sums.losses) * scale[sums.decay]
        for name, sums in customer.dimensions.items()
    }
    parts: list[Part] = []
    for kept in sorted(customer.kept, reverse=True):
        decay = customer.dimensions[kept.dimension].decay
        weight = 2.0 ** (kept.time_s / customer.half_lives_s[decay] - customer.landmarks[decay])
        value = kept.value * weight * scale[decay]
        rest[kept.dimension] -= value
        parts.append(
            Part(
                dimension=kept.dimension,
                points=value * per_logit,
                touchpoint=kept.touchpoint,
                event=kept.event,
                at=datetime.fromtimestamp(kept.time_s, UTC),
            )
        )
    for name, left in rest.items():
        if left != 0.0:
            parts.append(Part(dimension=name, points=left * per_logit))
    cost = fatigue_cost(customer.contacts * scale[CONTACTS], policy.fatigue)
    if cost > 0.0:
        parts.append(Part(dimension=FATIGUE, points=-cost * per_logit))
    return parts


def _points_per_logit(base: float, total: float) -> float:
    if abs(total) > _FLAT:
        return (points(base + total) - points(base)) / total
    at_base = points(base) / 100.0
    return 100.0 * at_base * (1.0 - at_base)
