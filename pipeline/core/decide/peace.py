"""The customer's peace: silence that was decided on, and a complaint that comes first."""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.cases.memory import COMPLAINT, OPEN
from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.moment import Moment
from pipeline.core.perceive.recovery import is_open

_OWED: Final = frozenset(("required", "service"))
"""Classes of what the customer asked for or has to be told."""


def silence(moment: Moment, question: Question) -> Verdict | None:
    """A customer who is to be left in peace is not cared for; who asks for service gets it."""
    until_s = moment.customer.care.silent_until_s
    if until_s <= moment.now_s or question.proposal.rule.action_class in _OWED:
        return None
    until = datetime.fromtimestamp(until_s, UTC).isoformat(timespec="minutes")
    return withhold("silence", f"left in peace until {until}")


def open_complaint(moment: Moment, question: Question) -> Verdict | None:
    """Nobody wants to be sold something, or be given a trifle, while a complaint is open."""
    rule, said = question.proposal.rule, moment.policy.decide
    if rule.action_class not in said.complaint_classes and rule.name not in said.complaint_actions:
        return None
    customer, recovery = moment.customer, moment.policy.recovery
    for case in customer.care.cases:
        if case.kind == COMPLAINT and case.status == OPEN:
            return withhold("open_complaint", f"complaint {case.name} is open")
    if any(is_open(each, recovery) for each in customer.failures):
        return withhold("open_complaint", "what failed has not been made good")
    return None
