"""What a pattern is: one a file beside this one, watching events and times that come."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.core.care.memory import Alarm
from pipeline.core.moment import Moment


class Found(NamedTuple):
    """A pattern that showed.

    ``source`` and ``trigger`` name the event it hangs on; with ``about`` (a digest) it can be
    withdrawn, by what came after ``since_s``. ``number`` makes one trigger several notices (the
    third hand-over, the fourth).
    """

    pattern: str
    source: str
    trigger: str
    at_s: float
    number: int = 1
    topic: str | None = None
    department: str | None = None
    about: bytes | None = None
    since_s: float | None = None
    facts: Mapping[str, str] = {}


class Withdrawn(NamedTuple):
    """What was awaited happened at ``at_s``: if that was in time, the pattern showed wrongly.

    It is found by the digest it is about, or by the event that it hangs on. ``superseded``: it
    showed rightly, but what came of it is booked elsewhere, so it is taken back whenever that was.
    """

    pattern: str
    about: bytes
    trigger: str
    at_s: float
    superseded: bool = False


Finding = Found | Withdrawn

Watch = Callable[[Moment], list[Finding]]
"""Looks at an event; may set and withdraw alarms of the pattern's own kind."""

Fire = Callable[[Moment, Alarm], list[Finding]]
"""Looks again when an alarm of the pattern's own kind is due."""


class Pattern(NamedTuple):
    """One pattern. ``types`` are the data models of the events it watches, none: every event."""

    name: str
    types: tuple[type, ...]
    watch: Watch
    fire: Fire | None = None
