"""Too much attention is none: cool-down between actions of a class, and caps on contacts.

A channel over its cap is dropped and the next one tried. What is reserved counts as what went out.
"""

from collections.abc import Iterator
from typing import Final

from pipeline.core.decide.contacts import has_room, others
from pipeline.core.decide.guard import (
    Objection,
    Question,
    Verdict,
    does_nothing,
    withhold,
    without,
)
from pipeline.core.moment import Moment
from pipeline.core.policy.guarding import HOUR_S, Cap
from pipeline.core.policy.ways import KINDS, mask_of

_DAY_S: Final = 24 * HOUR_S


def cool_down(moment: Moment, question: Question) -> Verdict | None:
    """Some days pass between two actions of one class, whichever they are."""
    rule, said = question.proposal.rule, moment.policy.decide
    cool_s = said.cool_s.get(rule.action_class)
    if cool_s is None or rule.action_class in said.passing or does_nothing(question):
        return None
    kind, since_s = KINDS[rule.action_class], moment.now_s - cool_s
    for each in others(moment, question):
        if each.kind == kind and each.channels and each.at_s > since_s:
            days = f"{cool_s / _DAY_S:g} days"
            return withhold("cool_down", f"another action of {rule.action_class} within {days}")
    return None


def caps(moment: Moment, question: Question) -> Verdict | Question | None:
    """Leave the channels that are not over a cap; withhold if none is left."""
    rule, said = question.proposal.rule, moment.policy.decide
    if rule.action_class in said.passing:
        return None
    kind = KINDS[rule.action_class]
    closed: dict[str, Objection] = {}
    for cap in said.caps:
        if kind in cap.kinds and _reached(moment, question, cap):
            for channel in _within(question, cap):
                what = f"{cap.name}: {cap.most} in {cap.per_s / HOUR_S:g} h by {channel} is reached"
                closed.setdefault(channel, Objection("cap", what))
    left = without(question, closed) if closed else question
    if isinstance(left, Question) and not has_room(moment, left):
        most = moment.policy.limits.remembered_contacts
        return withhold("no_room", f"{most} contacts are remembered, and all of them count yet")
    return left if closed else None


def _reached(moment: Moment, question: Question, cap: Cap) -> bool:
    # One that lies ahead of this moment is counted too: it may yet come into one span with it.
    since_s = moment.now_s - cap.per_s
    count = sum(
        1
        for each in others(moment, question)
        if each.at_s > since_s and each.kind in cap.kinds and each.channels & cap.mask
    )
    return count >= cap.most


def _within(question: Question, cap: Cap) -> Iterator[str]:
    return (channel for channel in question.channels if mask_of((channel,)) & cap.mask)
