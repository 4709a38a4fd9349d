"""The care queue: which clock runs out next, what waits for a person, what is under way."""

from datetime import timedelta
from typing import Final, NamedTuple

from pipeline.adapters.console.lives import Life, Lives, lives_of
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.rows import Case, read_as
from schemas.care import CareAction, CareDecision
from schemas.queue import OpenCases, Proposals, Wait

_MOST_CASES: Final = 100
_MOST_WAITING: Final = 100
_MOST_DECISIONS: Final = 300
_SOON: Final = timedelta(hours=4)


class Care(NamedTuple):
    """What is to be cared for now: open cases, of which ``first`` are the most urgent; what waits
    for a person, longest first, and why; and all else of the latest steps by where it stands."""

    cases: OpenCases
    first: list[Case]
    to_decide: list[tuple[Wait, Life]]
    more_to_decide: bool
    lives: Lives
    more_decisions: bool


def view_care(ask: Ask) -> View:
    """The page: open cases by their next clock, those without one last."""
    shows: dict[str, object] = {
        "care": care_now(ask),
        "soon_hours": _SOON.total_seconds() / 3600,
        "most_decisions": _MOST_DECISIONS,
    }
    return View("care.html", ask.say.gettext("Care"), shows, live=("action", "decision", "case"))


def care_now(ask: Ask) -> Care:
    """What the care queue shows, and the first page counts."""
    queue = ask.sources.queue
    cases = queue.open_cases(_MOST_CASES, now=ask.now, soon=ask.now + _SOON)
    waiting, latest = queue.to_decide(_MOST_WAITING), queue.latest(_MOST_DECISIONS)
    waits = {wait.id: wait for wait in waiting.waits}
    found = {life.id: life for stage in _lives(waiting.proposals) for life in stage}
    lives = _lives(latest)
    return Care(
        cases,
        read_as(cases.items, list[Case]),
        [(wait, found[name]) for name, wait in waits.items() if name in found],
        waiting.more,
        Lives(*(tuple(life for life in stage if life.id not in waits) for stage in lives)),
        latest.more,
    )


def _lives(found: Proposals) -> Lives:
    return lives_of(
        read_as(found.decisions, list[CareDecision]), read_as(found.actions, list[CareAction])
    )
