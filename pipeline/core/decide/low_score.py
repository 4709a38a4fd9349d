"""A score that is low and sure calls for care: once, until it was well above again.

One poor touch is no reason: it takes some evaluations below the threshold that follow each other,
each with enough confidence. Every event that moved the score is one. What called once calls again
only after the score was clearly above the threshold, so one that lingers there does not call and
call (hysteresis).
"""

from datetime import UTC, datetime
from math import sqrt
from typing import Final

from pipeline.core.customer import Customer
from pipeline.core.moment import Moment, Occasion
from pipeline.core.perceive.account import level
from pipeline.core.perceive.decay import EVIDENCE, Scales, scales, weights
from pipeline.core.perceive.score import points
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.guarding import LowScore
from pipeline.core.profile import tier_of
from schemas.care import Cause

TRIGGER: Final = "low_score"
_UNTOLD: Final = 1e-12
"""Scores that differ by less are the same, but for rounding."""


def score_of(customer: Customer, policy: Policy) -> float:
    """The score as of the customer's latest event."""
    at = scales(customer, customer.as_of_s)
    return points(policy.base_logits[tier_of(customer, policy)] + level(customer, policy, at))


def look(customer: Customer, policy: Policy) -> float | None:
    """The score before something happens; ``None`` if nobody will ask."""
    return None if policy.decide.low_score is None else score_of(customer, policy)


def evaluate(moment: Moment, cause: Cause, before: float | None) -> list[Occasion]:
    """Look at the score after ``cause``; ``before`` is what it was. The occasion, if it calls."""
    rule, customer, care = moment.policy.decide.low_score, moment.customer, moment.customer.care
    if rule is None or before is None:
        return []
    score = score_of(customer, moment.policy)
    if abs(score - before) < _UNTOLD or (score >= rule.below and not (care.low or care.called)):
        return []
    at = scales(customer, customer.as_of_s)
    evidence = customer.evidence * at[EVIDENCE]
    known = evidence + moment.policy.confidence_prior
    if score >= rule.below:
        _recover(moment, rule, known, at)
        return []
    if evidence / known < rule.confidence or care.called:
        return []
    care.low += 1
    if care.low < rule.evaluations:
        return []
    care.called = True
    why = f"score {score:.0f} is below {rule.below:g}"
    when = f"{datetime.fromtimestamp(moment.at_s, UTC):%Y-%m-%d %H:%M} UTC"
    facts = {
        "why": why,
        "score": f"{score:.0f}",
        "when": when,
        **worst(customer, moment.policy, at),
    }
    return [Occasion(TRIGGER, cause, moment.at_s, facts, moment.event)]


def _recover(moment: Moment, rule: LowScore, known: float, at: Scales) -> None:
    """Above the threshold the count starts anew; well above it, it may call again."""
    customer, policy, care = moment.customer, moment.policy, moment.customer.care
    logit = policy.base_logits[tier_of(customer, policy)] + level(customer, policy, at)
    clear = logit - rule.clear_errors * policy.spread / sqrt(known) > rule.logit
    care.low = 0
    care.called = care.called and not clear


def worst(customer: Customer, policy: Policy, at: Scales) -> dict[str, str]:
    """What pulls the score down most, so that care can name it: facts for templates.

    The dimension, the department that answers for it, and the touchpoint of its largest loss that
    is still known by name.
    """
    sums = {
        name: (account.gains - account.losses) * at[account.decay]
        for name, account in customer.dimensions.items()
        if name in policy.decays
    }
    if not sums:
        return {"dimension": "", "department": "", "touchpoint": "", "what": "", "topic": ""}
    dimension = min(sums, key=lambda name: (sums[name], name))
    losses = []
    for kept in customer.kept:
        if kept.dimension == dimension and kept.value < 0.0:
            decay = customer.dimensions[dimension].decay
            losses.append((kept.value * weights(customer, kept.time_s)[decay], kept.touchpoint))
    touchpoint = min(losses)[1] if losses else ""
    what = dimension.replace("_", " ") + (
        f" ({touchpoint.replace('_', ' ')})" if touchpoint else ""
    )
    return {
        "dimension": dimension,
        "department": policy.file.dimensions[dimension].department,
        "touchpoint": touchpoint,
        "what": what,
        "topic": "",
    }
