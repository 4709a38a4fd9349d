"""Repairs: one clock, by business line and tier, or to the time told when the repair was opened."""

from pipeline.core.cases.book import enter, find, tell
from pipeline.core.cases.clocks import begin, finish
from pipeline.core.cases.memory import OPEN, REPAIR, RESOLVED, Case, settled_s, short
from pipeline.core.cases.rounds import of_earlier_round, opened, reopen
from pipeline.core.moment import Moment, Occasion
from schemas.touchpoints.repairs import RepairCompletedData, RepairOpenedData

RepairData = RepairOpenedData | RepairCompletedData


def take(moment: Moment, data: RepairData) -> tuple[Case, list[Occasion]]:
    """What an event about a repair does to its case, which is opened where it is not known."""
    known = find(moment.customer.care, REPAIR, data.repair)
    case = enter(moment, REPAIR, data.repair) if known is None else known
    case.topic = case.topic or (None if data.topic is None else short(data.topic))
    case.line = case.line or (None if data.line is None else short(data.line))
    if isinstance(data, RepairCompletedData):
        occasions = _completed(moment, case, data)
        if known is None and not case.clocks and case.status == OPEN:
            occasions += begin(moment, case, moment.at_s)
        return case, occasions
    due_s = None if data.due is None else data.due.timestamp()
    if known is not None:
        return case, opened(moment, case, due_s)
    case.heard, case.promised_s = True, due_s
    return case, begin(moment, case, moment.at_s)


def _completed(moment: Moment, case: Case, data: RepairCompletedData) -> list[Occasion]:
    """The repair has ended; where the fault is not gone its clock goes on."""
    at_s, end_s = moment.at_s, settled_s(case)
    if of_earlier_round(case, at_s):
        return []
    if data.resolved is False:
        return reopen(moment, case) if end_s is not None and at_s > end_s else []
    if case.resolved_s is None or at_s < case.resolved_s:
        case.resolved_s = at_s
    if case.status == OPEN:
        case.status = RESOLVED
        tell(moment, case, "resolved")
    return finish(moment, case, 0, at_s)
