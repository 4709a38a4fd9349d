"""What a guard is asked and what it may answer."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.core.care.action import Proposal
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.ways import NONE
from schemas.care import DecisionOutcome, Quiet


class Objection(NamedTuple):
    """Why something is not done: one word, and a sentence."""

    reason: str
    detail: str


class Question(NamedTuple):
    """A proposal before the guards.

    ``id`` is what the action's will be. ``channels`` are those still open to it, in order;
    ``closed`` says why the others are not. ``quiet`` are the hours in which it must not arrive.
    ``again``: it was held or allocated before, so what was reserved for it is its own; ``held``:
    it was held.
    """

    id: str
    occasion: Occasion
    proposal: Proposal
    channels: tuple[str, ...]
    quiet: Quiet | None = None
    again: bool = False
    held: bool = False
    closed: Mapping[str, Objection] = {}


class Verdict(NamedTuple):
    """A decision, with its one reason; ``until_s`` where it is looked at again."""

    outcome: DecisionOutcome
    reason: str
    detail: str
    until_s: float | None = None


Guard = Callable[[Moment, Question], Verdict | Question | None]
"""``None``: no objection; a question: the same with fewer channels; a verdict: it is decided."""


def does_nothing(question: Question) -> bool:
    """Whether the action is to let the customer be: there is nothing in it to be too much."""
    return question.channels == (NONE,)


def withhold(reason: str, detail: str) -> Verdict:
    return Verdict("withheld", reason, detail)


def without(question: Question, closed: Mapping[str, Objection]) -> Question | Verdict:
    """The question with the channels that are left; if none is, withheld for the first one's sake.

    So a fallback is tried, and yet there is one reason: what stood against the channel that the
    action would have taken.
    """
    left = tuple(channel for channel in question.channels if channel not in closed)
    every = {**question.closed, **closed}
    if left:
        return question._replace(channels=left, closed=every)
    first = next(channel for channel in question.proposal.channels if channel in every)
    return withhold(*every[first])
