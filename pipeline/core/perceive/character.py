"""What kind of customer shows: a behaviour type and a relationship stage, with reasons.

Types: demanding, confused, agitated. Stages: exchange (fair trade is all), cooperation (the
customer lends a hand), interdependence (each knows what the other is worth). Which signs make
which is in the policy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipeline.core.customer import Customer
from pipeline.core.perceive.decay import EVIDENCE, Scales
from pipeline.core.perceive.expectation import Context
from pipeline.core.perceive.ratio import quality_of
from pipeline.core.perceive.value import burden_of
from pipeline.core.policy.character import KindRule, SignRule
from pipeline.core.policy.compiled import Policy
from schemas.perception import Kind, Sign

_DAY_S = 86_400.0


class Known(NamedTuple):
    """What the signs look at: a customer as of one time, with the readings made already."""

    customer: Customer
    tier: str
    at_s: float
    scale: Scales
    ratio: float
    context: Context | None
    policy: Policy


def behaviour_of(known: Known) -> Kind | None:
    """The first behaviour type whose signs show; ``None`` of a customer like most."""
    return _first(known.policy.character.behaviours, known)


def stage_of(known: Known) -> Kind:
    """The first relationship stage whose signs show, else the policy's first stage."""
    character = known.policy.character
    return _first(character.stages, known) or Kind(character.first_stage)


def _first(rules: Sequence[KindRule], known: Known) -> Kind | None:
    for rule in rules:
        every = [_shown(sign, known) for sign in rule.all]
        if None in every:
            continue
        some = [sign for sign in (_shown(rule_, known) for rule_ in rule.any) if sign is not None]
        if rule.any and not some:
            continue
        return Kind(rule.name, tuple(sign for sign in (*every, *some) if sign is not None))
    return None


def _shown(rule: SignRule, known: Known) -> Sign | None:
    value = READINGS[rule.reading](known, rule.dimension)
    if value is None:
        return None
    if rule.above is not None:
        shown, bound = value > rule.above, rule.above
    else:
        assert rule.below is not None  # noqa: S101 - a rule has either
        shown, bound = value < rule.below, rule.below
    return Sign(rule.reading, value, bound, rule.dimension) if shown else None


def _quality(known: Known, dimension: str | None) -> float | None:
    """The remembered quality of a dimension; ``None`` if nothing is remembered of it."""
    account = known.customer.dimensions.get(dimension or "")
    if account is None or account.weight <= 0.0:
        return None
    standing = known.policy.standing[known.tier].get(dimension or "")
    if standing is None:
        return None
    return quality_of(account, standing.norm, known.scale, known.policy.ratio)


_Read = Callable[[Known, str | None], float | None]

READINGS: Mapping[str, _Read] = {
    "inbound": lambda known, _: known.customer.inbound * known.scale[EVIDENCE],
    "complaints": lambda known, _: known.customer.complaints * known.scale[EVIDENCE],
    "initiative": lambda known, _: known.customer.initiative * known.scale[EVIDENCE],
    "evidence": lambda known, _: known.customer.evidence * known.scale[EVIDENCE],
    "tenure_days": lambda known, _: (known.at_s - known.customer.since_s) / _DAY_S,
    "ratio": lambda known, _: known.ratio,
    "lift": lambda known, _: 0.0 if known.context is None else known.context.lift,
    "effort": lambda known, _: burden_of(known.customer, "effort", known.scale, known.policy.value),
    "quality": _quality,
}
"""How each reading is taken, by its name in the policy."""
