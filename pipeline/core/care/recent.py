"""What the patterns over time remember of a customer's latest contacts, in bounded space."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

_T = TypeVar("_T")


class Sought(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A contact that the customer sought.

    ``topic`` is a digest, empty where none was told; ``rank`` how grave the way is that was taken,
    from 1 on, 0 where the policy does not say; ``sentiment`` in [-1, 1].
    """

    at_s: float
    topic: bytes
    rank: int
    sentiment: float | None


class Settled(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A matter that was said to be settled; ``case`` and ``topic`` are digests, or empty."""

    at_s: float
    case: bytes
    topic: bytes


class Recent(msgspec.Struct, array_like=True):
    """The latest of each kind, and when the customer last did something, was in touch, was called.

    ``contacts`` and ``settled`` are in the order of their times, ``reached`` are the times at which
    the company reached the customer. ``active_s`` is when the customer last did anything,
    ``sought_s`` last sought a contact, ``unasked_s`` last had one unasked. ``hovering``: unasked
    contacts are too many, and it was noticed.
    """

    contacts: list[Sought] = msgspec.field(default_factory=list)
    settled: list[Settled] = msgspec.field(default_factory=list)
    reached: list[float] = msgspec.field(default_factory=list)
    active_s: float | None = None
    sought_s: float | None = None
    unasked_s: float | None = None
    hovering: bool = False


def latest(*times_s: float | None) -> float | None:
    """The latest of the times that are known."""
    return max((time_s for time_s in times_s if time_s is not None), default=None)


def join(mine: Recent, theirs: Recent, most: int) -> Recent:
    """What is remembered of two customers who turn out to be one."""
    return Recent(
        contacts=keep([*mine.contacts, *theirs.contacts], most, lambda each: each.at_s),
        settled=keep([*mine.settled, *theirs.settled], most, lambda each: each.at_s),
        reached=keep([*mine.reached, *theirs.reached], most, lambda each: each),
        active_s=latest(mine.active_s, theirs.active_s),
        sought_s=latest(mine.sought_s, theirs.sought_s),
        unasked_s=latest(mine.unasked_s, theirs.unasked_s),
        hovering=mine.hovering or theirs.hovering,
    )


def keep(every: Sequence[_T], most: int, at: Callable[[_T], float]) -> list[_T]:
    """The latest ``most``, the earliest first."""
    return sorted(every, key=at)[-most:]
