"""The running account of one customer: booking what an event added, and reading its level."""

from heapq import heappush, heappushpop
from math import log2
from typing import Final

from pydantic import BaseModel

from pipeline.core.customer import Customer, Kept, Sums
from pipeline.core.perceive.contribution import Felts
from pipeline.core.perceive.decay import CONTACTS, EVIDENCE, scales, weight_at
from pipeline.core.perceive.fatigue import fatigue_cost, is_unasked
from pipeline.core.policy.plan import Policy

# A contribution below this many log-odds is not worth a name; it stays in the sums.
_NEGLIGIBLE: Final = 1e-9


def book(
    customer: Customer,
    felts: Felts,
    data: BaseModel,
    *,
    event: str,
    touchpoint: str,
    time_s: float,
    policy: Policy,
) -> None:
    """Add what an event meant, as of the event's own time, be it late or not."""
    half_lives_s, landmarks = customer.half_lives_s, customer.landmarks
    if is_unasked(data):
        customer.contacts += weight_at(time_s, half_lives_s[CONTACTS], landmarks[CONTACTS])
    if not felts.felt:
        return
    intensity: float = getattr(data, "intensity", 1.0)
    weight = weight_at(time_s, half_lives_s[EVIDENCE], landmarks[EVIDENCE])
    customer.evidence += intensity * weight
    for felt, decay in zip(felts.felt, felts.decays, strict=True):
        value = felt.value
        sums = customer.dimensions.get(felt.dimension)
        if sums is None:
            sums = customer.dimensions[felt.dimension] = Sums(decay)
        if decay != EVIDENCE:
            weight = weight_at(time_s, half_lives_s[decay], landmarks[decay])
        if value > 0.0:
            sums.gains += value * weight
        else:
            sums.losses -= value * weight
        if value > _NEGLIGIBLE or value < -_NEGLIGIBLE:
            rank = log2(abs(value)) + time_s / half_lives_s[decay]
            kept = Kept(rank, event, felt.dimension, touchpoint, time_s, value)
            if len(customer.kept) < policy.limits.kept_contributions:
                heappush(customer.kept, kept)
            else:
                heappushpop(customer.kept, kept)


def level(customer: Customer, policy: Policy, at_s: float) -> float:
    """The sum of everything felt, faded to ``at_s``, in log-odds relative to the baseline."""
    scale = scales(customer, at_s)
    total = -fatigue_cost(customer.contacts * scale[CONTACTS], policy.fatigue)
    for sums in customer.dimensions.values():
        total += (sums.gains - sums.losses) * scale[sums.decay]
    return total
