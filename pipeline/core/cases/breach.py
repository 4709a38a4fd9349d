"""A clock that ran out is felt as the pattern ``case_breach``.

As every absence it is felt at a tick: one that an event tells of, before a tick has, waits for the
next. So what events alone come to does not depend on their order.
"""

from typing import Final

from pipeline.core.care.memory import Alarm, arm, disarm
from pipeline.core.cases.book import tell
from pipeline.core.cases.memory import KINDS, Case, Clock
from pipeline.core.customer import digest_of
from pipeline.core.moment import Moment, Occasion
from pipeline.core.notice import notices
from pipeline.core.notice.pattern import Found, Withdrawn
from pipeline.core.policy.numbers import DAY_S

BREACH: Final = "case_breach"
"""The pattern, and the kind of the alarms at which it is felt."""


def show(moment: Moment, case: Case, clock: Clock, due_s: float) -> list[Occasion]:
    """A clock ran out at ``due_s``, ``clock.over`` times by now."""
    about = _about(case, clock)
    if moment.event is None:
        return _feel(moment, case, about, due_s, clock.over)
    rules = moment.policy.cases
    fires_s = due_s + (0.0 if rules is None else rules.lateness_s)
    alarm = Alarm(fires_s, due_s, BREACH, about, _event_of(case), clock.over)
    if not arm(moment.customer.care, alarm, moment.policy.limits.alarms):
        tell(moment, case, "no_room")
    return []


def withdraw(moment: Moment, case: Case, clock: Clock, done_s: float) -> None:
    """It had not run out for the last time that was told of: it was done at ``done_s``."""
    about = _about(case, clock)
    if disarm(moment.customer.care, BREACH, about) is None:
        notices.take_down(moment, [Withdrawn(BREACH, about, "", done_s)])


def fire(moment: Moment, alarm: Alarm) -> list[Occasion]:
    """The tick has come at which it is felt what events told of."""
    for case in moment.customer.care.cases:
        if _event_of(case) == alarm.event:
            return _feel(moment, case, alarm.about, alarm.due_s, alarm.number)
    return []  # of a case that was forgotten since


def _feel(moment: Moment, case: Case, about: bytes, due_s: float, number: int) -> list[Occasion]:
    if moment.now_s - due_s > moment.policy.patterns.history_days * DAY_S:
        moment.answer.tell("noticed", BREACH, "history")
        return []
    facts = {
        "case": case.name,
        "kind": KINDS[case.kind],
        "line": case.line or "",
        "owner": case.owner or "",
        "what": f"a {KINDS[case.kind]} was not seen to in time",
    }
    found = Found(
        pattern=BREACH,
        source="",
        trigger=case.name,
        at_s=due_s,
        number=number,
        topic=case.topic,
        department=case.owner,
        about=about,
        facts=facts,
    )
    return notices.take_down(moment, [found])


def _about(case: Case, clock: Clock) -> bytes:
    # Without the customer's name: who turns out to be another one keeps what was shown.
    return digest_of(f"{_event_of(case)}/{case.reopened}/{clock.step}/{clock.over}")


def _event_of(case: Case) -> str:
    return f"{KINDS[case.kind]} {case.name}"
