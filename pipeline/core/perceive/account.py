"""The running account of one customer: booking what an event added, and reading its level."""

from collections.abc import Sequence
from heapq import heappush, heappushpop
from math import log2
from typing import Final

from pipeline.core.customer import Customer, Kept, Sums
from pipeline.core.perceive.decay import CONTACTS, EVIDENCE, Scales, moved, weight_at
from pipeline.core.perceive.fatigue import fatigue_cost
from pipeline.core.policy.plan import Policy
from pipeline.core.touch import Touch
from schemas.perception import Felt

# A contribution below this many log-odds is not worth a name; it stays in the sums.
_NEGLIGIBLE: Final = 1e-9


def book(
    customer: Customer,
    felts: Sequence[Felt],
    touch: Touch,
    *,
    event: str,
    touchpoint: str,
    time_s: float,
    policy: Policy,
) -> None:
    """Add what an event meant, as of the event's own time, be it late or not."""
    half_lives_s, landmarks = customer.half_lives_s, customer.landmarks
    if touch.unasked:
        customer.contacts += weight_at(time_s, half_lives_s[CONTACTS], landmarks[CONTACTS])
    if not felts:
        return
    usual = weight_at(time_s, half_lives_s[EVIDENCE], landmarks[EVIDENCE])
    customer.evidence += touch.intensity * usual
    decays, dimensions = policy.decays, customer.dimensions
    heap, most = customer.kept, policy.limits.kept_contributions
    for felt in felts:
        dimension, value = felt.dimension, felt.value
        decay = decays[dimension]
        sums = dimensions.get(dimension)
        if sums is None:
            sums = dimensions[dimension] = Sums(decay)
        elif sums.decay != decay:  # the policy gave this dimension another half-life
            sums = dimensions[dimension] = moved(customer, sums, decay)
        half_life_s = half_lives_s[decay]
        weight = usual if decay == EVIDENCE else weight_at(time_s, half_life_s, landmarks[decay])
        if value > 0.0:
            sums.gains += value * weight
        else:
            sums.losses -= value * weight
        size = abs(value)
        if size > _NEGLIGIBLE:
            rank = log2(size) + time_s / half_life_s
            if len(heap) < most:
                heappush(heap, Kept(rank, event, dimension, touchpoint, time_s, value))
            elif rank >= heap[0].rank:
                # Below the least rank it would be pushed and popped at once.
                heappushpop(heap, Kept(rank, event, dimension, touchpoint, time_s, value))


def level(customer: Customer, policy: Policy, scale: Scales) -> float:
    """The sum of everything felt, in log-odds relative to the baseline.

    ``scale`` (of ``decay.scales``) says as of when.
    """
    total = -fatigue_cost(customer.contacts * scale[CONTACTS], policy.fatigue)
    for sums in customer.dimensions.values():
        total += (sums.gains - sums.losses) * scale[sums.decay]
    return total
