"""A promise whose time has passed, and it is not kept.

While it is overdue, that is felt. When it ends after all, late or broken, what is booked for the
end (``perceive.promises``) stands instead: so what was felt of being overdue is taken back. That a
promise was late calls for care all the same, also if it is kept before anybody looks.
"""

from typing import Final

import msgspec

from pipeline.core.care.memory import Alarm, arm, disarm
from pipeline.core.customer import digest_of
from pipeline.core.moment import Moment
from pipeline.core.notice.absence import wait_for
from pipeline.core.notice.pattern import Finding, Found, Pattern, Withdrawn
from schemas.touchpoints.promises import PromiseData, PromiseMade, PromiseMadeData

NAME: Final = "late_against_promise"
_ENDED: Final = 1
"""Number of an alarm whose promise has ended, but too late."""


def _watch(moment: Moment) -> list[Finding]:
    event = moment.event
    if isinstance(event, PromiseMade):
        if moment.policy.patterns.late_against_promise is None:
            return []
        return _await(moment, event)
    if event is None or not isinstance(event.data, PromiseData):
        return []
    return _ended(moment, digest_of(event.data.promise))


def _await(moment: Moment, event: PromiseMade) -> list[Finding]:
    """Wait for a promise to be kept. Its end may have been heard of already.

    Made again in time it has a new due time; made again when it was late it stays late.
    """
    about, care = digest_of(event.data.promise), moment.customer.care
    running = next((a for a in care.alarms if (a.kind, a.about) == (NAME, about)), None)
    shown = next((s for s in care.shown if (s.kind, s.about) == (NAME, about)), None)
    late = running is not None and running.due_s < moment.at_s
    if late or (shown is not None and shown.at_s < moment.at_s):
        return []
    disarm(care, NAME, about)
    if event.data.due is not None:
        due_s = event.data.due.timestamp()
        ended = (p.outcome_s for p in moment.customer.promises if p.promise == about and p.outcome)
        ended_s = next(ended, None)
        if ended_s is None or ended_s > due_s:
            number = 0 if ended_s is None else _ENDED
            wait_for(moment, NAME, due_s, about=about, trigger=event.id, clock_s=number)
    return [] if shown is None else [Withdrawn(NAME, about, shown.event, moment.at_s)]


def _ended(moment: Moment, about: bytes) -> list[Finding]:
    care = moment.customer.care
    alarm = disarm(care, NAME, about)
    if alarm is not None and moment.at_s > alarm.due_s:
        arm(care, msgspec.structs.replace(alarm, number=_ENDED), moment.policy.limits.alarms)
    return [
        Withdrawn(NAME, about, shown.event, moment.at_s, superseded=True)
        for shown in care.shown
        if shown.kind == NAME and shown.about == about
    ]


def _fire(moment: Moment, alarm: Alarm) -> list[Finding]:
    what = {"what": "a promise was not kept in time"}
    found = Found(NAME, "", alarm.event, alarm.due_s, about=alarm.about, facts=what)
    if alarm.number != _ENDED:
        return [found]
    return [found, Withdrawn(NAME, alarm.about, alarm.event, alarm.due_s, superseded=True)]


PATTERN: Final = Pattern(NAME, (PromiseMadeData, PromiseData), _watch, _fire)
