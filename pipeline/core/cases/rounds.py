"""The rounds of a case: what opens it again, and what is told of it late."""

from pipeline.core.cases.book import tell
from pipeline.core.cases.clocks import account, begin, promised, retime, settle
from pipeline.core.cases.memory import OPEN, Case, running, settled_s
from pipeline.core.moment import Moment, Occasion


def reopen(moment: Moment, case: Case, due_s: float | None = None) -> list[Occasion]:
    """Open a case again as of the moment: its steps begin anew, what ran out stays counted."""
    occasions = settle(moment, case)
    case.past += sum(clock.over for clock in case.clocks)
    case.clocks, case.promised_s = [], due_s
    case.status, case.round_s, case.resolved_s = OPEN, moment.at_s, None
    case.reopened, case.told = case.reopened + 1, False
    tell(moment, case, "reopened")
    return [*occasions, *begin(moment, case, moment.at_s)]


def of_earlier_round(case: Case, at_s: float) -> bool:
    """Whether what happened then belongs to a round that is over."""
    return case.reopened > 0 and at_s < case.round_s


def opened(moment: Moment, case: Case, due_s: float | None = None) -> list[Occasion]:
    """The opening of a known case was told: again, or after what came of it.

    ``due_s`` is the due time that was told with it. A case that is open stays as it is but for
    that; one that had come to its end before is opened again.
    """
    end_s, first = settled_s(case), not case.heard
    case.heard = True
    if end_s is not None and moment.at_s >= end_s:
        return reopen(moment, case, due_s)
    late = first and not case.reopened and moment.at_s <= case.opened_s
    if late:
        case.opened_s = case.round_s = moment.at_s
    return _retime(moment, case, due_s) if late or due_s is not None else []


def _retime(moment: Moment, case: Case, due_s: float | None) -> list[Occasion]:
    """Let the first clock run from the opening that is known now, or to the time that was told."""
    if due_s is not None:
        case.promised_s = due_s
        if not case.clocks:
            case.clocks = [promised(due_s, case.round_s)]
            case.clocks[0].done_s = case.resolved_s
        elif not case.clocks[0].over:
            clock, given = case.clocks[0], promised(due_s, case.round_s)
            clock.due_s, clock.hours, clock.given = given.due_s, given.hours, True
    if not case.clocks:
        return []
    first = case.clocks[0]
    first.since_s = case.round_s
    retime(moment, case, first, case.round_s)
    if first is running(case) or first.done_s is None:
        return []
    return account(moment, case, first, first.done_s)
