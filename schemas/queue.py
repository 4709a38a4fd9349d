"""What is read of the care queue: cases by their clocks, and what waits for a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple


class OpenCases(NamedTuple):
    """Open cases by their next clock, those without one last, and how many there are in all:
    ``overdue`` of them now, ``soon`` due from now on and before a time given."""

    items: Sequence[object]
    total: int
    overdue: int
    soon: int


class Proposals(NamedTuple):
    """Steps of proposals (``CareDecision``), newest first, and what they became
    (``CareAction``). ``more``: there are older steps."""

    decisions: Sequence[object]
    actions: Sequence[object]
    more: bool


class Wait(NamedTuple):
    """Why a proposal or an action, ``id``, waits for a person, and since when: it needs
    ``approval``, or was ``held`` ``by`` somebody with a ``reason``."""

    id: str
    why: Literal["approval", "held"]
    at: datetime
    by: str = ""
    reason: str = ""


class ToDecide(NamedTuple):
    """What waits for a person, the longest wait first, with all its steps. ``more``: there is
    more than this."""

    waits: Sequence[Wait]
    proposals: Proposals
    more: bool
