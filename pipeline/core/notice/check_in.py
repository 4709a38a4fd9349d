"""A complaint was closed, and the customer has done nothing since: is all well, or gone?

Not felt: it is the customer who is silent. Whoever complains, is content and comes again needs no
check-in; who stays away may have left without a word.
"""

from typing import Final

from pipeline.core.care.memory import Alarm
from pipeline.core.care.recent import latest
from pipeline.core.customer import digest_of
from pipeline.core.moment import Moment
from pipeline.core.notice.absence import came, wait_for
from pipeline.core.notice.contacts import is_active
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.policy.numbers import DAY_S
from schemas.touchpoints.complaints import ComplaintClosedData

NAME: Final = "check_in"


def _watch(moment: Moment) -> list[Finding]:
    rule, event = moment.policy.patterns.check_in, moment.event
    if event is None or not is_active(moment):
        return []
    recent, data = moment.customer.care.recent, event.data
    found = came(moment, NAME, lambda about: True)
    if rule is None:
        return found
    closed = isinstance(data, ComplaintClosedData) and data.satisfied
    if closed and (recent.active_s is None or recent.active_s <= moment.at_s):
        about = digest_of(f"{event.source}\0{event.id}")  # each closing has its own
        clock_s = round(rule.after_days.value * DAY_S)
        due_s = moment.at_s + clock_s
        wait_for(moment, NAME, due_s, about=about, trigger=event.id, clock_s=clock_s)
    recent.active_s = latest(recent.active_s, moment.at_s)
    return found


def _fire(moment: Moment, alarm: Alarm) -> list[Finding]:
    return [
        Found(
            NAME,
            "",
            alarm.event,
            alarm.due_s,
            about=alarm.about,
            since_s=alarm.due_s - alarm.number,
            facts={"what": "nothing was heard of the customer since a complaint was closed"},
        )
    ]


PATTERN: Final = Pattern(NAME, (), _watch, _fire)
