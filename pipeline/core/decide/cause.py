"""Guards over the cause: never twice for the same one, never after its time."""

from typing import Final

from pipeline.core.decide.done import is_done
from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.moment import Moment

SAME_CAUSE: Final = "same_cause"


def same_cause(moment: Moment, question: Question) -> Verdict | None:
    """An action for one cause is decided once, however often the cause is told."""
    if question.again:
        return None
    care = moment.customer.care
    if is_done(care, question.id) or any(each.id == question.id for each in care.pending):
        return withhold(SAME_CAUSE, "decided already for this cause")
    return None


def expired(moment: Moment, question: Question) -> Verdict | None:
    """Too late is worse than never: the gift after the festival, the alert of last week."""
    rule, at_s = question.proposal.rule, question.occasion.at_s
    if moment.now_s - at_s <= rule.expires_s:
        return None
    hours = (moment.now_s - at_s) / 3_600.0
    detail = f"{hours:.1f} h after its cause; at most {rule.expires_s / 3_600.0:g} h"
    return Verdict("expired", "too_late", detail)
