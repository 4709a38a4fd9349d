"""The customer comes again about what was said to be settled: it was not.

Booked already where it is felt: ``perceive.repeats`` for coming again, ``perceive.recovery`` for a
failure that is open again. Here it calls for care, once for each time that it was said to be
settled.
"""

from typing import Final

from pipeline.core.care.recent import Settled, keep
from pipeline.core.moment import Moment
from pipeline.core.notice.contacts import is_sought
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.perceive.recovery import NO_DIGEST, case_key, topic_key
from pipeline.core.touch import Touch
from schemas.inbound import Event
from schemas.touchpoints.complaints import (
    ComplaintClosedData,
    ComplaintOpenedData,
    ComplaintResolvedData,
)

NAME: Final = "repeat_contact"
_HOUR_S: Final = 3_600.0


def _watch(moment: Moment) -> list[Finding]:
    rule, touch, event = moment.policy.patterns.repeat_contact, moment.touch, moment.event
    if rule is None or touch is None or event is None:
        return []
    data = event.data
    ends = (
        isinstance(data, ComplaintClosedData | ComplaintResolvedData) and data.resolved is not False
    )
    if touch.topic is None and not ends and type(data) is not ComplaintOpenedData:
        return []
    case, topic = _matter(moment, touch, event)
    within_s, found = rule.within_hours.value * _HOUR_S, False
    if is_sought(moment):
        found = _came_again(moment, case, topic, within_s)
    if isinstance(data, ComplaintClosedData) and not data.satisfied:
        _forget(moment, case, topic)  # never settled, by the customer's own word
    elif touch.resolved or ends:
        found = _settle(moment, Settled(moment.at_s, case, topic), within_s) or found
    if not found:
        return []
    what = "the matter was said to be settled and is not"
    return [
        Found(NAME, event.source, event.id, moment.at_s, topic=touch.topic, facts={"what": what})
    ]


def _matter(moment: Moment, touch: Touch, event: Event) -> tuple[bytes, bytes]:
    """The digests of case and topic; a case that is on record tells the topic."""
    named, topic = getattr(event.data, "complaint", None), topic_key(touch.topic)
    if named is None:
        return NO_DIGEST, topic
    case = case_key(named)
    if topic == NO_DIGEST:
        on_record = (each.topic for each in moment.customer.failures if each.case == case)
        topic = next(on_record, NO_DIGEST)
    return case, topic


def _same(settled: Settled, case: bytes, topic: bytes) -> bool:
    same_case = case != NO_DIGEST and settled.case == case
    return same_case or (topic != NO_DIGEST and settled.topic == topic)


def _came_again(moment: Moment, case: bytes, topic: bytes, within_s: float) -> bool:
    """Whether the matter was said to be settled shortly before; then that is no longer so."""
    found = any(
        _same(each, case, topic) and 0.0 < moment.at_s - each.at_s <= within_s
        for each in moment.customer.care.recent.settled
    )
    if found:
        _forget(moment, case, topic)
    return found


def _forget(moment: Moment, case: bytes, topic: bytes) -> None:
    recent = moment.customer.care.recent
    recent.settled = [
        each for each in recent.settled if not _same(each, case, topic) or each.at_s > moment.at_s
    ]


def _settle(moment: Moment, settled: Settled, within_s: float) -> bool:
    """Take it down; whether the customer is known to have come again since."""
    topic = settled.topic
    if topic != NO_DIGEST and any(
        each.topic == topic and 0.0 < each.at_s - settled.at_s <= within_s
        for each in moment.customer.contacts
    ):
        return True
    recent, most = moment.customer.care.recent, moment.policy.limits.recent_contacts
    recent.settled = keep([*recent.settled, settled], most, lambda each: each.at_s)
    return False


PATTERN: Final = Pattern(NAME, (), _watch)
