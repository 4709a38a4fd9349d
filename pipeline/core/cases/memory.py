"""What is remembered of a case, in bounded space: part of what care keeps of a customer."""

from hashlib import blake2b
from typing import Final

import msgspec

COMPLAINT: Final = 0
REPAIR: Final = 1
KINDS: Final = ("complaint", "repair")
"""Names of the kinds, by their number."""

OPEN: Final = 0
RESOLVED: Final = 1
CLOSED: Final = 2
STATUSES: Final = ("open", "resolved", "closed")
"""Names of the states, by their number."""

NAME_BYTES: Final = 64
"""The most that a name from outside takes; a longer one is known by its digest."""


class Clock(msgspec.Struct, array_like=True, gc=False):
    """One clock of a case: it runs from ``since_s``, is due at ``due_s``, and stops when done.

    ``step`` is the step's place in the recovery, 0 of a repair. ``over`` counts how often it ran
    out: at ``due_s``, and again after each further ``hours``. ``given``: the due time was told
    from outside, so that no tier changes it.
    """

    step: int
    since_s: float
    due_s: float
    hours: float
    done_s: float | None = None
    over: int = 0
    warned: bool = False
    given: bool = False


class Case(msgspec.Struct, array_like=True):
    """One complaint or repair. ``clocks`` are those of its present round, in their order.

    ``heard`` says that its opening was heard of, and not only what came after it. A reopening
    begins a new round at ``round_s``; ``past`` counts what ran out in earlier ones, ``raised`` how
    often the customer's own word took it up a level. ``told``: the customer has been told of it
    in this round. ``promised_s`` is the due time that was told from outside, ``said_s`` when the
    customer last said whether it is settled.
    """

    name: str
    kind: int
    status: int
    opened_s: float
    round_s: float
    as_of_s: float
    heard: bool = False
    told: bool = False
    topic: str | None = None
    line: str | None = None
    owner: str | None = None
    owned_s: float = 0.0
    hand_overs: int = 0
    reopened: int = 0
    raised: int = 0
    past: int = 0
    promised_s: float | None = None
    resolved_s: float | None = None
    said_s: float | None = None
    satisfied: bool = False
    clocks: list[Clock] = msgspec.field(default_factory=list)


def short(name: str) -> str:
    """A name in at most ``NAME_BYTES``: as it is, or its digest."""
    text = name.encode()
    if len(text) <= NAME_BYTES:
        return name
    return f"sha:{blake2b(text, digest_size=16).hexdigest()}"


def breaches_of(case: Case) -> int:
    """How often a clock of the case ran out, in all its rounds."""
    return case.past + sum(clock.over for clock in case.clocks)


def running(case: Case) -> Clock | None:
    """The clock that runs, if any does: at most the latest."""
    if case.clocks and case.clocks[-1].done_s is None:
        return case.clocks[-1]
    return None


def settled_s(case: Case) -> float | None:
    """When the case came to its end; ``None`` while it is open."""
    if case.status == OPEN:
        return None
    ends = [at_s for at_s in (case.resolved_s, case.said_s) if at_s is not None]
    return max(ends, default=case.as_of_s)
