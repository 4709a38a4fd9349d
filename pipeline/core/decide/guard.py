"""What a guard is asked and what it may answer."""

from collections.abc import Callable
from typing import NamedTuple

from pipeline.core.care.action import Proposal
from pipeline.core.moment import Moment, Occasion
from schemas.care import DecisionOutcome, Quiet


class Question(NamedTuple):
    """A proposal before the guards.

    ``id`` is what the action's will be. ``channels`` are those still open to it, in order;
    ``quiet`` the hours in which it must not arrive. ``again``: it was held or allocated before, so
    what was reserved for it is its own.
    """

    id: str
    occasion: Occasion
    proposal: Proposal
    channels: tuple[str, ...]
    quiet: Quiet | None = None
    again: bool = False


class Verdict(NamedTuple):
    """A decision, with its one reason; ``until_s`` where it is looked at again."""

    outcome: DecisionOutcome
    reason: str
    detail: str
    until_s: float | None = None


Guard = Callable[[Moment, Question], Verdict | Question | None]
"""``None``: no objection; a question: the same with fewer channels; a verdict: it is decided."""


def withhold(reason: str, detail: str) -> Verdict:
    return Verdict("withheld", reason, detail)
