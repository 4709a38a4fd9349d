"""A second failure on one topic within the time in which the first is not forgotten.

Not felt on its own: both failures are, and ``perceive.recovery`` gives no bonus for mending a
second one. It is a matter for somebody senior.
"""

from typing import Final

from pipeline.core.moment import Moment
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.perceive.recovery import topic_key

NAME: Final = "double_failure"


def _watch(moment: Moment) -> list[Finding]:
    rule, touch, event = moment.policy.patterns.double_failure, moment.touch, moment.event
    felt = () if moment.contribution is None else moment.contribution.felt
    if rule is None or touch is None or event is None or touch.topic is None or not felt:
        return []
    topic = topic_key(touch.topic)
    on_topic = [
        each
        for each in moment.customer.failures
        if each.topic == topic and each.failed_s is not None
    ]
    just_felt = {(each.dimension, each.quality) for each in felt}
    new = next(
        (
            each
            for each in on_topic
            if each.failed_s == moment.at_s and (each.dimension, each.quality) in just_felt
        ),
        None,
    )
    if new is None:
        return []
    within_s = moment.policy.recovery.second_failure_s
    # One case that is told of again is one failure; without a case each is its own.
    times_s = {
        each.failed_s
        for each in on_topic
        if (each.case != new.case or new.case == topic)
        and 0.0 < abs(moment.at_s - (each.failed_s or 0.0)) <= within_s
    }
    if not times_s:
        return []
    number = len(times_s) + 1
    return [
        Found(
            NAME,
            event.source,
            event.id,
            moment.at_s,
            number,
            topic=touch.topic,
            department=rule.owner,
            facts={"what": f"failure {number} in one matter"},
        )
    ]


PATTERN: Final = Pattern(NAME, (), _watch)
