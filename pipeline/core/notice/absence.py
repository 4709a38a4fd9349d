"""What the patterns of absence share: they wait for something until a time, and hear of it."""

from collections.abc import Callable

from pipeline.core.care.memory import Alarm, arm, disarm
from pipeline.core.moment import Moment
from pipeline.core.notice.pattern import Finding, Withdrawn


def wait_for(
    moment: Moment, name: str, due_s: float, *, about: bytes, trigger: str, clock_s: int = 0
) -> None:
    """Set the alarm of the pattern ``name``; ``clock_s`` is how long before ``due_s`` it began."""
    fires_s = due_s + moment.policy.patterns.lateness_seconds
    alarm = Alarm(fires_s, due_s, name, about, trigger, clock_s)
    if not arm(moment.customer.care, alarm, moment.policy.limits.alarms):
        moment.answer.tell("noticed", name, "no_room")


def waits(moment: Moment, name: str, about: bytes) -> bool:
    """Whether the pattern ``name`` waits for something about this, or has waited in vain."""
    care = moment.customer.care
    return any((alarm.kind, alarm.about) == (name, about) for alarm in care.alarms) or any(
        (shown.kind, shown.about) == (name, about) for shown in care.shown
    )


def came(moment: Moment, name: str, concerns: Callable[[bytes], bool]) -> list[Finding]:
    """What the pattern ``name`` waits for came, as of the moment.

    Its clocks whose time it is are stopped, and where one had run out before this was heard of,
    the pattern showed wrongly. What comes too late stops no clock: whether a pattern shows must
    not depend on how often time is told.
    """
    care, at_s = moment.customer.care, moment.at_s
    for alarm in tuple(care.alarms):
        in_time = alarm.due_s - alarm.number < at_s <= alarm.due_s
        if alarm.kind == name and in_time and concerns(alarm.about):
            disarm(care, name, alarm.about)
    return [
        Withdrawn(name, shown.about, shown.event, at_s)
        for shown in care.shown
        if shown.kind == name
        and (shown.since_s is None or shown.since_s < at_s)
        and at_s <= shown.at_s
        and concerns(shown.about)
    ]
