"""The guard over the cause: never after its time."""

from pipeline.core.decide.guard import Question, Verdict
from pipeline.core.moment import Moment


def expired(moment: Moment, question: Question) -> Verdict | None:
    """Too late is worse than never: the gift after the festival, the alert of last week."""
    rule, at_s = question.proposal.rule, question.occasion.at_s
    if moment.now_s - at_s <= rule.expires_s:
        return None
    hours = (moment.now_s - at_s) / 3_600.0
    detail = f"{hours:.1f} h after its cause; at most {rule.expires_s / 3_600.0:g} h"
    return Verdict("expired", "too_late", detail)
