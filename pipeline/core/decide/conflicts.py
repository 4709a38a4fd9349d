"""Actions that do not go together: a gift beside an apology says that the apology was bought."""

from pipeline.core.decide.contacts import others
from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.moment import Moment
from pipeline.core.policy.guarding import HOUR_S


def conflict(moment: Moment, question: Question) -> Verdict | None:
    """Withhold if a rival went out not long ago, or waits; it is one whichever of them says so."""
    rivals = moment.policy.decide.rivals.get(question.proposal.rule.name)
    if rivals is None:
        return None
    for each in others(moment, question):
        rival = rivals.get(each.name)
        if rival is not None and each.at_s > moment.now_s - rival.within_s:
            hours = rival.within_s / HOUR_S
            return withhold("conflict", f"{rival.name} went or is to go within {hours:g} h")
    return None
