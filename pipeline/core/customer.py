"""The state of one customer: what was perceived so far, in bounded space."""

from collections.abc import Sequence
from math import floor
from typing import Final

import msgspec

_DIGEST_BYTES: Final = 8


class AlertWish(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The customer's own wish for alerts; ``None`` leaves a part to the policy."""

    threshold: float | None
    channel: str | None
    wanted: bool


class Sums(msgspec.Struct, array_like=True, gc=False):
    """What one dimension gained and lost, scaled to the landmark of its half-life."""

    decay: int
    gains: float = 0.0
    losses: float = 0.0


class Kept(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """A contribution large enough to be named one by one.

    ``rank`` is the logarithm of its size plus its age in half-lives, an order that decay does not
    change; the fields after it make the order total.
    """

    rank: float
    event: str
    dimension: str
    touchpoint: str
    time_s: float
    value: float


class Customer(msgspec.Struct, array_like=True):
    """One customer. Mutable, and never outside the step that decoded it.

    ``landmarks[i]`` is the point in time, as a whole number of ``half_lives_s[i]`` since 1970, to
    which the sums with decay ``i`` are scaled (forward decay, Cormode et al. 2009): a late event
    adds its value as of its own time, so order does not matter. ``evidence`` counts touches and
    ``contacts`` the unasked ones, both decayed. ``seen`` holds digests of the latest event ids.
    """

    half_lives_s: tuple[float, ...]
    landmarks: list[int]
    as_of_s: float
    events: int = 0
    evidence: float = 0.0
    contacts: float = 0.0
    tier: str | None = None
    cohort: str | None = None
    language: str | None = None
    time_zone: str | None = None
    alerts: AlertWish | None = None
    dimensions: dict[str, Sums] = msgspec.field(default_factory=dict)
    kept: list[Kept] = msgspec.field(default_factory=list)
    seen: bytes = b""


def new_customer(half_lives_s: Sequence[float], time_s: float) -> Customer:
    """A customer of whom nothing is known yet, at the time of the first event."""
    return Customer(
        half_lives_s=tuple(half_lives_s),
        landmarks=[floor(time_s / half_life_s) for half_life_s in half_lives_s],
        as_of_s=time_s,
    )


def has_seen(customer: Customer, digest: bytes) -> bool:
    """Whether an event with this 8-byte digest is among the remembered ones."""
    at = customer.seen.find(digest)
    while at >= 0:
        if at % _DIGEST_BYTES == 0:
            return True
        at = customer.seen.find(digest, at + 1)  # a match across two digests is none
    return False


def remember(customer: Customer, digest: bytes, most: int) -> None:
    """Remember an event id; the oldest gives way beyond ``most``."""
    customer.seen = (customer.seen + digest)[-_DIGEST_BYTES * most :]
