"""Complaints: six steps of recovery, each with a clock, closed by the customer's word alone."""

from typing import Final

from pipeline.core.cases.book import enter, find, tell
from pipeline.core.cases.clocks import begin, finish, settle
from pipeline.core.cases.memory import CLOSED, COMPLAINT, OPEN, RESOLVED, Case, settled_s, short
from pipeline.core.cases.rounds import of_earlier_round, opened, reopen
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.cases import STEPS
from schemas.touchpoints.complaints import (
    ComplaintClosedData,
    ComplaintHandedOverData,
    ComplaintOpenedData,
    ComplaintProgressedData,
    ComplaintResolvedData,
)

_ACT: Final = STEPS.index("act")
_CHECK: Final = STEPS.index("check")

ComplaintData = (
    ComplaintOpenedData
    | ComplaintProgressedData
    | ComplaintHandedOverData
    | ComplaintResolvedData
    | ComplaintClosedData
)


def take(moment: Moment, data: ComplaintData) -> tuple[Case, list[Occasion]]:
    """What an event about a complaint does to its case, which is opened where it is not known."""
    known = find(moment.customer.care, COMPLAINT, data.complaint)
    topic = None if data.topic is None else short(data.topic)
    if known is None:
        case = enter(moment, COMPLAINT, data.complaint)
        case.topic, case.heard = topic, isinstance(data, ComplaintOpenedData)
        occasions = [] if case.heard else _took(moment, case, data)
        if not case.clocks and case.status == OPEN:
            occasions += begin(moment, case, moment.at_s)
        return case, occasions
    known.topic = known.topic or topic
    if isinstance(data, ComplaintOpenedData):
        return known, opened(moment, known)
    return known, _took(moment, known, data)


def _took(moment: Moment, case: Case, data: ComplaintData) -> list[Occasion]:
    at_s = moment.at_s
    if isinstance(data, ComplaintHandedOverData):
        case.hand_overs += 1
        if at_s >= case.owned_s:
            case.owner = None if data.to_department is None else short(data.to_department)
            case.owned_s = at_s
        tell(moment, case, "handed_over")
    elif isinstance(data, ComplaintClosedData):
        return _closed(moment, case, satisfied=data.satisfied)
    elif of_earlier_round(case, at_s):
        return []
    elif isinstance(data, ComplaintProgressedData):
        step = STEPS.index(data.step)
        case.told = case.told or step != _ACT
        return finish(moment, case, step, at_s) if case.status != CLOSED else []
    elif isinstance(data, ComplaintResolvedData):
        if case.resolved_s is None or at_s < case.resolved_s:
            case.resolved_s = at_s
        if case.status == OPEN:
            case.status = RESOLVED
            tell(moment, case, "resolved")
        return finish(moment, case, _ACT, at_s)
    return []


def _closed(moment: Moment, case: Case, *, satisfied: bool) -> list[Occasion]:
    """The customer's word; an older one than the last known says nothing new."""
    at_s, end_s = moment.at_s, settled_s(case)
    if (case.said_s is not None and at_s < case.said_s) or of_earlier_round(case, at_s):
        return []
    case.said_s, case.satisfied = at_s, satisfied
    if satisfied:
        if case.status != CLOSED:
            case.status = CLOSED
            tell(moment, case, "closed")
        return finish(moment, case, _CHECK, at_s)
    if end_s is not None and at_s < end_s:
        return []  # said before the company settled it
    occasions = settle(moment, case)  # as far up as it was until now
    case.raised += 1
    return occasions if end_s is None else [*occasions, *reopen(moment, case)]
