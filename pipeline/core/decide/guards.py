"""The guards in the order in which they are asked.

What concerns the cause comes first, then the customer's own word, then what is good for the
customer, then what it costs; what may change by waiting comes last.
"""

from typing import Final

from pipeline.core.decide.cause import expired, same_cause
from pipeline.core.decide.consent import consent
from pipeline.core.decide.guard import Guard, Question, Verdict, withhold
from pipeline.core.moment import Moment


def own_reason(moment: Moment, question: Question) -> Verdict | None:
    """The action's own reason not to be done."""
    against = question.proposal.against
    return None if against is None else withhold(*against)


GUARDS: Final[tuple[Guard, ...]] = (
    same_cause,
    own_reason,
    expired,
    consent,
)
