"""A case goes from one department to the next, and none of them brings a result.

The first hand-over is to whoever can help (``recovery.free_hand_overs``); each further one is a
notice of its own, with the department that has the case now as its owner. Not felt on its own:
``perceive.recovery`` lets the failure grow with each of them.
"""

from math import ceil
from typing import Final

from pipeline.core.customer import Failure
from pipeline.core.moment import Moment
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.perceive.recovery import case_key, is_open
from schemas.touchpoints.complaints import ComplaintHandedOverData

NAME: Final = "passing_the_buck"


def _watch(moment: Moment) -> list[Finding]:
    rule, event = moment.policy.patterns.passing_the_buck, moment.event
    if rule is None or event is None or not isinstance(event.data, ComplaintHandedOverData):
        return []
    data = event.data
    case = case_key(data.complaint)
    failure = next((each for each in moment.customer.failures if each.case == case), None)
    if failure is None or _has_result(moment, failure):
        return []
    number = ceil(failure.hand_overs - moment.policy.recovery.free_hand_overs)
    if number < 1:
        return []
    owner = data.to_department or rule.owner
    facts = {
        "case": data.complaint,
        "what": f"handed on {failure.hand_overs} times without a result",
        "count": str(failure.hand_overs),
    }
    return [
        Found(
            NAME,
            event.source,
            event.id,
            moment.at_s,
            number,
            topic=data.topic,
            department=owner,
            facts=facts,
        )
    ]


def _has_result(moment: Moment, failure: Failure) -> bool:
    if failure.failed_s is None:
        return failure.resolved_s is not None or failure.satisfied
    return not is_open(failure, moment.policy.recovery)


PATTERN: Final = Pattern(NAME, (ComplaintHandedOverData,), _watch)
