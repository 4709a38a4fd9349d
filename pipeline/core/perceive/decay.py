"""How impressions fade: forward decay, scaled to a landmark that moves by whole half-lives.

A value ``v`` of time ``t`` is worth ``v * 2 ** (-(at - t) / h)`` at time ``at`` (half-life ``h``).
It is stored as ``v * 2 ** (t / h - k)`` for the landmark ``k``, a whole number of half-lives
since 1970, and read back times ``2 ** (k - at / h)``. Moving ``k`` is a change of exponent, which
is exact in floating point, so a sum does not depend on how often its landmark was moved.
"""

from collections.abc import Sequence
from math import floor, ldexp
from typing import Final

from pipeline.core.customer import Account, Customer

EVIDENCE: Final = 0
CONTACTS: Final = 1
CROWDING: Final = 2
EXPERIENCE: Final = 3
"""Indices of half-lives that every policy has; those of single dimensions follow.

``EVIDENCE`` is that of an impression, ``CONTACTS`` of unasked contacts, ``CROWDING`` half of it
(of the squares of their weights), ``EXPERIENCE`` of what a customer is used to.
"""

FIXED: Final = 4

Scales = list[float]
"""By index of half-life, what stored values are multiplied with when read at one time."""

Weights = list[float]
"""By index of half-life, what values of one time are multiplied with when stored."""


def weights(customer: Customer, time_s: float) -> Weights:
    """What values of ``time_s`` are multiplied with when stored."""
    # pow(2, x), not exp2(x): they differ in the last bit, and scores must replay to the bit.
    landmarks = customer.landmarks
    found: Weights = []
    for decay, half_life_s in enumerate(customer.half_lives_s):
        found.append(2.0 ** (time_s / half_life_s - landmarks[decay]))
    return found


def scales(customer: Customer, at_s: float) -> Scales:
    """What stored values are multiplied with when read at ``at_s``."""
    landmarks = customer.landmarks
    # A loop: for a few half-lives it costs half of a comprehension over zip().
    found: Scales = []
    for decay, half_life_s in enumerate(customer.half_lives_s):
        found.append(2.0 ** (landmarks[decay] - at_s / half_life_s))
    return found


def advance(customer: Customer, time_s: float) -> None:
    """Let time come to ``time_s``; an earlier time changes nothing."""
    if time_s <= customer.as_of_s:
        return
    customer.as_of_s = time_s
    landmarks, moved = customer.landmarks, False
    factors = [1.0] * len(landmarks)
    for decay, half_life_s in enumerate(customer.half_lives_s):
        shift = floor(time_s / half_life_s) - landmarks[decay]
        if shift > 0:
            landmarks[decay] += shift
            factors[decay] = ldexp(1.0, -shift)  # a power of two: multiplying with it is exact
            moved = True
    if moved:
        for account in customer.dimensions.values():
            account.gains *= factors[account.decay]
            account.losses *= factors[account.decay]
        _rescale(customer, factors)


def set_decay(customer: Customer, account: Account, decay: int) -> None:
    """Give a dimension another half-life: what is felt now stays the same, how it fades changes."""
    at_s = customer.as_of_s
    factor = scales(customer, at_s)[account.decay] * weights(customer, at_s)[decay]
    account.decay = decay
    account.gains *= factor
    account.losses *= factor


def adopt_half_lives(
    customer: Customer, half_lives_s: Sequence[float], decays: Sequence[tuple[str, int]]
) -> None:
    """Carry a customer over to a policy with other half-lives: what is felt now stays the same.

    ``decays`` names the new half-life index of each dimension of the policy. A dimension that the
    policy no longer has decays as evidence does.
    """
    at_s = customer.as_of_s
    old = scales(customer, at_s)
    customer.half_lives_s = tuple(half_lives_s)
    customer.landmarks = [floor(at_s / half_life_s) for half_life_s in half_lives_s]
    new = weights(customer, at_s)
    index = dict(decays)
    for name, account in customer.dimensions.items():
        decay = index.get(name, EVIDENCE)
        factor = old[account.decay] * new[decay]
        account.decay = decay
        account.gains *= factor
        account.losses *= factor
    _rescale(customer, [old[decay] * new[decay] for decay in range(FIXED)])


def _rescale(customer: Customer, factors: Sequence[float]) -> None:
    """Multiply everything that fades, but gains and losses, with the factor of its half-life."""
    evidence, experience = factors[EVIDENCE], factors[EXPERIENCE]
    for account in customer.dimensions.values():
        account.weight *= evidence
        account.quality *= evidence
        account.square *= evidence
        account.long_weight *= experience
        account.long_quality *= experience
    for crowd in customer.crowds.values():
        crowd.count *= factors[CONTACTS]
        crowd.squared *= factors[CROWDING]
    for burden in customer.burdens.values():
        burden.spent *= evidence
        burden.times *= evidence
    customer.evidence *= evidence
    customer.inbound *= evidence
    customer.complaints *= evidence
    customer.initiative *= evidence
    customer.cost *= evidence
