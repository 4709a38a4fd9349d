"""What is remembered of care for two customers who are one: both memories in one, in bounds.

Of what waits more may be left than there is room for: ``decide.again.make_room`` has to say what
becomes of it, in the same step.
"""

from pipeline.core.care import recent
from pipeline.core.care.memory import Alarm, Care, Contacted, Pending, Shown
from pipeline.core.cases import book
from pipeline.core.policy.models import Limits


def join_care(mine: Care, theirs: Care, limits: Limits) -> None:
    """Add ``theirs``, which is used up, to ``mine``.

    ``done`` is joined as events' ids are, ``forecasts`` by themselves.
    """
    mine.alarms = join_alarms(mine.alarms, theirs.alarms, limits.alarms)
    mine.contacted = join_contacts(mine.contacted, theirs.contacted, limits.remembered_contacts)
    mine.pending = join_pending(mine.pending, theirs.pending)
    mine.shown = join_shown(mine.shown, theirs.shown, limits.shown_patterns)
    mine.low = max(mine.low, theirs.low)
    mine.called = mine.called or theirs.called
    mine.silent_until_s = max(mine.silent_until_s, theirs.silent_until_s)
    mine.recent = recent.join(mine.recent, theirs.recent, limits.recent_contacts)
    book.join(mine, theirs.cases, limits.cases)


def join_alarms(mine: list[Alarm], theirs: list[Alarm], most: int) -> list[Alarm]:
    """The alarms of both; about the same thing the earlier one. Those due first have room."""
    found: dict[tuple[str, bytes], Alarm] = {}
    for alarm in sorted((*mine, *theirs), key=_when):
        found.setdefault((alarm.kind, alarm.about), alarm)
    return list(found.values())[:most]


def join_contacts(mine: list[Contacted], theirs: list[Contacted], most: int) -> list[Contacted]:
    """The latest contacts of both."""
    every = {each.action: each for each in (*theirs, *mine)}
    latest = sorted(every.values(), key=lambda each: (each.at_s, each.action))
    return latest[-most:]


def join_pending(mine: list[Pending], theirs: list[Pending]) -> list[Pending]:
    """What waits for both; those of one id are one."""
    every = {each.id: each for each in (*mine, *theirs)}
    return sorted(every.values(), key=lambda each: (each.until_s, each.id))


def join_shown(mine: list[Shown], theirs: list[Shown], most: int) -> list[Shown]:
    """The latest patterns of both that may still be taken back."""
    return sorted((*theirs, *mine), key=lambda each: (each.at_s, each.notice))[-most:]


def _when(alarm: Alarm) -> tuple[float, float, str, bytes, str]:
    return alarm.fires_s, alarm.due_s, alarm.kind, alarm.about, alarm.event
