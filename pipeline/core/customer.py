"""The state of one customer: what was perceived and expected so far, in bounded space."""

from collections.abc import Sequence
from hashlib import blake2b
from math import floor
from typing import Final

import msgspec

from pipeline.core.care.memory import Care

DIGEST_BYTES: Final = 6
"""Of an event's or a case's id. Among 48 ids a false match comes once in 10 ** 12 events."""


class AlertWish(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The customer's own wish for alerts; ``None`` leaves a part to the policy."""

    threshold: float | None
    channel: str | None
    wanted: bool


class Account(msgspec.Struct, array_like=True, gc=False):
    """What one dimension gained and lost, and how its quality is remembered.

    ``gains`` and ``losses`` are scaled to the landmark of half-life ``decay``. The short memory
    (``weight``, ``quality`` and ``square``: sums of weights, of qualities and of their squares)
    fades as an impression does, the long one as experience does.
    """

    decay: int
    gains: float = 0.0
    losses: float = 0.0
    weight: float = 0.0
    quality: float = 0.0
    square: float = 0.0
    long_weight: float = 0.0
    long_quality: float = 0.0


class Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A contribution large enough to be named one by one.

    ``rank`` is the logarithm of its size plus its age in half-lives, an order that decay does not
    change; name and place make the order total. It fades from ``time_s`` on; ``happened_s``
    says when the event was, where that is another time (a recovery counts from the failure on).
    """

    rank: float
    event: str
    dimension: str
    touchpoint: str
    time_s: float
    value: float
    happened_s: float | None = None

    def __lt__(self, other: "Kept") -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        mine, theirs = (self.event, self.dimension), (other.event, other.dimension)
        return mine < theirs if mine != theirs else self.time_s < other.time_s


class Crowd(msgspec.Struct, array_like=True, gc=False):
    """Unasked contacts on one channel: how many, and how close together. See ``fatigue``."""

    count: float = 0.0
    squared: float = 0.0


class Burden(msgspec.Struct, array_like=True, gc=False):
    """What service cost the customer of one kind: sum in acceptable units, and how often."""

    spent: float = 0.0
    times: float = 0.0


class Failure(msgspec.Struct, array_like=True, gc=False):
    """One failure that may still be made good, or what was heard of one before it.

    ``case`` and ``topic`` are digests. ``base`` is the loss it would be if it had been settled at
    once, in log-odds at ``failed_s``, ``booked`` what stands in the account for it. ``justice`` in
    [0, 1] is that of the last resolution, ``satisfied`` the customer's own last word. The failure
    was felt as ``quality`` with ``intensity``; ``mended`` of it is remembered as made good.
    """

    case: bytes
    topic: bytes
    dimension: str = ""
    failed_s: float | None = None
    base: float = 0.0
    booked: float = 0.0
    hand_overs: int = 0
    resolved_s: float | None = None
    justice: float = 0.0
    confirmed_s: float | None = None
    satisfied: bool = False
    quality: float = 0.0
    intensity: float = 0.0
    mended: float = 0.0


class Promise(msgspec.Struct, array_like=True, gc=False):
    """One promise; ``promise`` is the digest of its id.

    ``outcome`` is 0 while it is open, else one of ``promises``'s constants. ``weight`` is what its
    keeping weighs (gain, dimension weight and intensity), ``booked`` what stands in the account.
    """

    promise: bytes
    made_s: float | None = None
    due_s: float | None = None
    dimension: str | None = None
    level: float | None = None
    outcome: int = 0
    outcome_s: float = 0.0
    weight: float = 0.0
    booked: float = 0.0


class Contact(msgspec.Struct, array_like=True, gc=False):
    """A contact that the customer sought on ``topic`` (a digest), and may have to seek again.

    ``weight`` is gain, weight of the policy's dimension and intensity multiplied, ``again``
    whether it was a repeat.
    """

    topic: bytes
    at_s: float
    weight: float
    again: bool = False


class RivalOffer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """From ``since_s`` on the customer knows of a rival's ``level`` in one dimension."""

    dimension: str
    since_s: float
    level: float


class Profile(msgspec.Struct, array_like=True, gc=False):
    """Who the customer is, as far as upstream said.

    ``tier`` and ``revenue`` hold since ``since_s``; before it the ``earlier`` ones did, which a
    late touch is judged by.
    """

    tier: str | None = None
    cohort: str | None = None
    language: str | None = None
    time_zone: str | None = None
    revenue: float | None = None
    since_s: float | None = None
    earlier_tier: str | None = None
    earlier_revenue: float | None = None
    alerts: AlertWish | None = None
    granted: int = 0
    denied: int = 0
    consented_s: float = 0.0


class Customer(msgspec.Struct, array_like=True):
    """One customer. Mutable, and never outside the step that decoded it.

    ``landmarks[i]`` is the point in time, as a whole number of ``half_lives_s[i]`` since 1970, to
    which the sums with decay ``i`` are scaled (forward decay, Cormode et al. 2009): a late event
    adds its value as of its own time, so order does not matter. ``evidence`` counts touches,
    ``inbound`` those the customer sought, ``complaints`` and ``initiative`` (suggestions, answers)
    among them, ``cost`` what they cost the company; all fade as impressions do. ``kept_bytes`` is
    what ``kept`` takes at most, ``seen`` holds digests of the latest event ids. ``merged_into``
    names the customer this one turned out to be. ``due_ms`` is when the earliest of its alarms
    may fire, in milliseconds since 1970; it stands first so that it is quick to read.
    """

    due_ms: int | None
    half_lives_s: tuple[float, ...]
    landmarks: list[int]
    as_of_s: float
    since_s: float
    events: int = 0
    evidence: float = 0.0
    inbound: float = 0.0
    complaints: float = 0.0
    initiative: float = 0.0
    cost: float = 0.0
    profile: Profile = msgspec.field(default_factory=Profile)
    dimensions: dict[str, Account] = msgspec.field(default_factory=dict)
    crowds: dict[str, Crowd] = msgspec.field(default_factory=dict)
    burdens: dict[str, Burden] = msgspec.field(default_factory=dict)
    kept: list[Kept] = msgspec.field(default_factory=list)
    kept_bytes: int = 0
    failures: list[Failure] = msgspec.field(default_factory=list)
    promises: list[Promise] = msgspec.field(default_factory=list)
    rivals: list[RivalOffer] = msgspec.field(default_factory=list)
    contacts: list[Contact] = msgspec.field(default_factory=list)
    seen: bytes = b""
    merged_into: str | None = None
    care: Care = msgspec.field(default_factory=Care)


class Waiting(msgspec.Struct, array_like=True):
    """As much of a ``Customer`` as its due time takes: it is asked of every state at a start."""

    due_ms: int | None


def new_customer(half_lives_s: Sequence[float], time_s: float) -> Customer:
    """A customer of whom nothing is known yet, at the time of the first event."""
    return Customer(
        due_ms=None,
        half_lives_s=tuple(half_lives_s),
        landmarks=[floor(time_s / half_life_s) for half_life_s in half_lives_s],
        as_of_s=time_s,
        since_s=time_s,
    )


def digest_of(text: str) -> bytes:
    """The digest under which an id is remembered."""
    return blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()


def has_seen(customer: Customer, digest: bytes) -> bool:
    """Whether an event with this digest is among the remembered ones."""
    at = customer.seen.find(digest)
    while at >= 0:
        if at % DIGEST_BYTES == 0:
            return True
        at = customer.seen.find(digest, at + 1)  # a match across two digests is none
    return False


def remember(customer: Customer, digest: bytes, most: int) -> None:
    """Remember an event id; the oldest gives way beyond ``most``."""
    customer.seen = (customer.seen + digest)[-DIGEST_BYTES * most :]
