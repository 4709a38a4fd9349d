"""How impressions fade: forward decay, scaled to a landmark that moves by whole half-lives.

A value ``v`` of time ``t`` is worth ``v * 2 ** (-(at - t) / h)`` at time ``at`` (half-life ``h``).
It is stored as ``v * 2 ** (t / h - k)`` for the landmark ``k``, a whole number of half-lives
since 1970, and read back times ``2 ** (k - at / h)``. Moving ``k`` is a change of exponent, which
is exact in floating point, so a sum does not depend on how often its landmark was moved.
"""

from collections.abc import Sequence
from math import floor, ldexp
from typing import Final

from pipeline.core.customer import Customer, Sums

EVIDENCE: Final = 0
CONTACTS: Final = 1
"""Indices of half-lives that every policy has; those of single dimensions follow."""

Scales = list[float]
"""By index of half-life, what stored values are multiplied with when read at one time."""


def weight_at(time_s: float, half_life_s: float, landmark: int) -> float:
    """What a value of ``time_s`` is multiplied with when it is stored."""
    # pow(2, x), not exp2(x): they differ in the last bit, and scores must replay to the bit.
    weight: float = 2.0 ** (time_s / half_life_s - landmark)
    return weight


def scales(customer: Customer, at_s: float) -> Scales:
    """What stored values are multiplied with when read at ``at_s``."""
    landmarks = customer.landmarks
    # A loop: for two or three half-lives it costs half of a comprehension over zip().
    found: Scales = []
    for decay, half_life_s in enumerate(customer.half_lives_s):
        found.append(2.0 ** (landmarks[decay] - at_s / half_life_s))
    return found


def advance(customer: Customer, time_s: float) -> None:
    """Let time come to ``time_s``; an earlier time changes nothing."""
    if time_s <= customer.as_of_s:
        return
    customer.as_of_s = time_s
    for decay, half_life_s in enumerate(customer.half_lives_s):
        shift = floor(time_s / half_life_s) - customer.landmarks[decay]
        if shift > 0:
            _move(customer, decay, shift)


def _move(customer: Customer, decay: int, shift: int) -> None:
    customer.landmarks[decay] += shift
    for sums in customer.dimensions.values():
        if sums.decay == decay:
            sums.gains = ldexp(sums.gains, -shift)
            sums.losses = ldexp(sums.losses, -shift)
    if decay == EVIDENCE:
        customer.evidence = ldexp(customer.evidence, -shift)
    if decay == CONTACTS:
        customer.contacts = ldexp(customer.contacts, -shift)


def moved(customer: Customer, sums: Sums, decay: int) -> Sums:
    """``sums`` under another half-life: what is felt now stays the same, how it fades changes."""
    at_s, half_lives_s, landmarks = customer.as_of_s, customer.half_lives_s, customer.landmarks
    factor = 2.0 ** (landmarks[sums.decay] - at_s / half_lives_s[sums.decay])
    factor *= weight_at(at_s, half_lives_s[decay], landmarks[decay])
    return Sums(decay, sums.gains * factor, sums.losses * factor)


def adopt_half_lives(
    customer: Customer, half_lives_s: Sequence[float], decays: Sequence[tuple[str, int]]
) -> None:
    """Carry a customer over to a policy with other half-lives: what is felt now stays the same.

    ``decays`` names the new half-life index of each dimension of the policy. A dimension that the
    policy no longer has decays as evidence does.
    """
    at_s, old = customer.as_of_s, scales(customer, customer.as_of_s)
    customer.half_lives_s = tuple(half_lives_s)
    customer.landmarks = [floor(at_s / half_life_s) for half_life_s in half_lives_s]
    new = [
        weight_at(at_s, half_life_s, landmark)
        for half_life_s, landmark in zip(half_lives_s, customer.landmarks, strict=True)
    ]
    index = dict(decays)
    for name, sums in list(customer.dimensions.items()):
        decay = index.get(name, EVIDENCE)
        factor = old[sums.decay] * new[decay]
        customer.dimensions[name] = Sums(decay, sums.gains * factor, sums.losses * factor)
    customer.evidence *= old[EVIDENCE] * new[EVIDENCE]
    customer.contacts *= old[CONTACTS] * new[CONTACTS]
