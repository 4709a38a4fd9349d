"""What is remembered of care for one customer, in bounded space: part of the customer's state."""

from typing import Final

import msgspec

from pipeline.core.care.recent import Recent

HELD: Final = 1
"""A ``Pending`` that waits for a time of day or for a better moment."""
PROPOSED: Final = 2
"""A ``Pending`` that waits for a campaign's verdict."""


class Alarm(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A time that something waits for.

    ``kind`` says what: a pattern's name, or another room's word (``case``, ``held``, ...).
    ``due_s`` is when it is due, ``fires_s`` when it may fire: late events have come by then.
    ``about`` is the digest of what it is about, ``event`` the id of the event that it hangs on,
    ``number`` of the owner's own choice.
    """

    fires_s: float
    due_s: float
    kind: str
    about: bytes
    event: str
    number: int = 0


class Contacted(msgspec.Struct, array_like=True, gc=False):
    """An action that went out to the customer, or is still reserved to go.

    ``action`` is the digest of its id, ``name`` that of its name. ``at_s`` is when it went; while
    it waits, the latest time at which it may. ``channels`` is a mask of those it may take (one
    once it was done; see ``policy.ways``), 0 where it counts as no contact; ``kind`` the number of
    its class.
    """

    action: bytes
    at_s: float
    kind: int
    channels: int
    name: bytes


class Pending(msgspec.Struct, array_like=True):
    """An action that was decided for and waits; ``state`` is ``HELD`` or ``PROPOSED``.

    It is looked at again at ``until_s`` and expires at ``expires_s``. What is kept is what the
    action will say: its ``fields`` and ``reason``, the ``source`` and ``event`` of its cause, and
    when that was. ``channels`` are those it was put forward with.
    """

    id: str
    action: str
    trigger: str
    source: str
    event: str
    at_s: float
    until_s: float
    expires_s: float
    state: int
    reason: str
    fields: dict[str, str]
    campaign: str | None = None
    channels: tuple[str, ...] = ()


class Shown(msgspec.Struct, array_like=True, frozen=True):
    """A pattern that showed and may be withdrawn: what was booked for it, to take it back.

    ``felt`` has dimension, quality and value; ``intensity`` is the touch's. ``notice`` is its id,
    ``event`` the one it hangs on, ``at_s`` when it was due, ``since_s`` from when on what was
    awaited could have come.
    """

    kind: str
    about: bytes
    event: str
    notice: str
    at_s: float
    intensity: float
    felt: tuple[tuple[str, float, float], ...]
    since_s: float | None = None


class Forecast(msgspec.Struct, array_like=True, gc=False):
    """What was said of one outlook, until it is known whether it came true.

    ``made_s`` is when, ``until_s`` the end of its horizon; ``tier`` and ``policy`` (a digest) are
    of that time. Once settled it is not ``waits`` any more, and the next one is due a day after
    it was made. ``called``: the probability crossed the threshold and led to care.
    """

    outlook: str
    made_s: float
    until_s: float
    probability: float
    tier: str
    policy: str
    waits: bool = True
    called: bool = False


class Care(msgspec.Struct, array_like=True):
    """What care knows of a customer.

    ``done`` are digests of action ids, so that no cause leads to an action twice; ``low`` counts
    evaluations below the threshold, ``called`` says that it led to care; until ``silent_until_s``
    the customer is left in peace. ``recent`` is what the patterns over time look back on,
    ``forecasts`` are one of each outlook.
    """

    alarms: list[Alarm] = msgspec.field(default_factory=list)
    contacted: list[Contacted] = msgspec.field(default_factory=list)
    pending: list[Pending] = msgspec.field(default_factory=list)
    shown: list[Shown] = msgspec.field(default_factory=list)
    done: bytes = b""
    low: int = 0
    called: bool = False
    silent_until_s: float = 0.0
    recent: Recent = msgspec.field(default_factory=Recent)
    forecasts: list[Forecast] = msgspec.field(default_factory=list)


def arm(care: Care, alarm: Alarm, most: int) -> bool:
    """Set an alarm; one of its kind about the same thing gives way. False: there is no room."""
    others = [a for a in care.alarms if (a.kind, a.about) != (alarm.kind, alarm.about)]
    if len(others) >= most:
        return False
    care.alarms = [*others, alarm]
    return True


def disarm(care: Care, kind: str, about: bytes) -> Alarm | None:
    """Withdraw an alarm; the one that was set, if any."""
    for alarm in care.alarms:
        if alarm.kind == kind and alarm.about == about:
            care.alarms.remove(alarm)
            return alarm
    return None


def next_alarm_s(care: Care) -> float | None:
    """When the earliest alarm may fire, in seconds since 1970; ``None`` if none is set."""
    if not care.alarms:
        return None
    return min(alarm.fires_s for alarm in care.alarms)


def due_alarms(care: Care, clock_s: float) -> list[Alarm]:
    """The alarms that may fire by ``clock_s``, taken out, in the one order that replay keeps."""
    due = [alarm for alarm in care.alarms if alarm.fires_s <= clock_s]
    if due:
        care.alarms = [alarm for alarm in care.alarms if alarm.fires_s > clock_s]
        due.sort(key=lambda alarm: (alarm.due_s, alarm.kind, alarm.about))
    return due
