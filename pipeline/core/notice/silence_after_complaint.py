"""A complaint, and nobody gets in touch within the time that the customer's tier may expect.

To hear nothing is felt as a promise broken. A clock that runs is not changed by a change of tier:
it is that of the tier under which the customer complained.
"""

from typing import Final

from pipeline.core.care.memory import Alarm
from pipeline.core.care.recent import keep
from pipeline.core.moment import Moment
from pipeline.core.notice.absence import came, wait_for, waits
from pipeline.core.notice.contacts import has_reached
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.perceive.recovery import NO_DIGEST, case_key, topic_key
from pipeline.core.policy.patterns import SilencePolicy
from pipeline.core.profile import tier_at
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.care import StaffCaredData
from schemas.touchpoints.complaints import (
    ComplaintClosedData,
    ComplaintOpenedData,
    ComplaintProgressedData,
    ComplaintResolvedData,
)
from schemas.touchpoints.messages import MessageData
from schemas.touchpoints.visits import VisitCompletedData

NAME: Final = "silence_after_complaint"
_HOUR_S: Final = 3_600.0
_STEPS: Final = (ComplaintProgressedData, ComplaintResolvedData, ComplaintClosedData)
_CONTACTS: Final = (MessageData, CallCompletedData, VisitCompletedData, StaffCaredData)


def _watch(moment: Moment) -> list[Finding]:
    rule, event = moment.policy.patterns.silence_after_complaint, moment.event
    if event is None:
        return []
    data = event.data
    if isinstance(data, ComplaintOpenedData):
        if rule is not None:
            _await(moment, case_key(data.complaint), event.id, rule)
        return []
    if isinstance(data, _STEPS):
        case = case_key(data.complaint)
        _remember(moment)
        return came(moment, NAME, lambda about: about == case)
    if not has_reached(event):
        return []
    _remember(moment)
    topic = topic_key(None if moment.touch is None else moment.touch.topic)
    return came(moment, NAME, lambda about: not _is_of_another(moment, about, topic))


def _await(moment: Moment, case: bytes, trigger: str, rule: SilencePolicy) -> None:
    if (moment.touch is not None and moment.touch.resolved) or waits(moment, NAME, case):
        return
    clock_s = _clock_s(moment, rule)
    due_s = moment.at_s + clock_s
    told = [*moment.customer.care.recent.reached]
    for failure in moment.customer.failures:
        if failure.case == case:
            told += [s for s in (failure.resolved_s, failure.confirmed_s) if s is not None]
    if not any(moment.at_s < at_s <= due_s for at_s in told):
        wait_for(moment, NAME, due_s, about=case, trigger=trigger, clock_s=clock_s)


def _clock_s(moment: Moment, rule: SilencePolicy) -> int:
    tier = tier_at(moment.customer, moment.at_s, moment.policy)
    return round(rule.tiers.get(tier, rule.within_hours.value) * _HOUR_S)


def _remember(moment: Moment) -> None:
    """So that a complaint which is told of later than its answer is known to be answered."""
    recent, most = moment.customer.care.recent, moment.policy.limits.recent_contacts
    if moment.policy.patterns.silence_after_complaint is not None:
        recent.reached = keep([*recent.reached, moment.at_s], most, lambda each: each)


def _is_of_another(moment: Moment, case: bytes, topic: bytes) -> bool:
    """Whether a contact about ``topic`` is known to be about something else than the case."""
    of_case = next((f.topic for f in moment.customer.failures if f.case == case), NO_DIGEST)
    return NO_DIGEST not in (topic, of_case) and topic != of_case


def _fire(moment: Moment, alarm: Alarm) -> list[Finding]:
    return [
        Found(
            NAME,
            "",
            alarm.event,
            alarm.due_s,
            about=alarm.about,
            since_s=alarm.due_s - alarm.number,
            facts={"what": "nobody got in touch about a complaint"},
        )
    ]


PATTERN: Final = Pattern(NAME, (ComplaintOpenedData, *_STEPS, *_CONTACTS), _watch, _fire)
