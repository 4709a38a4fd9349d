"""The care queue: which clock runs out next, what waits for a person, what is under way."""

from datetime import timedelta
from typing import Final

from pipeline.adapters.console.lives import Life, Lives, lives_of
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.queue_ports import Proposals, ToDecide, Wait
from pipeline.adapters.http.rows import Case, read_as
from schemas.care import CareAction, CareDecision

_MOST_CASES: Final = 100
_MOST_WAITING: Final = 100
_MOST_DECISIONS: Final = 300
SOON: Final = timedelta(hours=4)


def view_care(ask: Ask) -> View:
    """The page: open cases by their next clock, those without one last."""
    queue = ask.sources.queue
    cases = queue.open_cases(_MOST_CASES, now=ask.now, soon=ask.now + SOON)
    latest = queue.latest(_MOST_DECISIONS)
    waiting = queue.to_decide(_MOST_WAITING)
    to_decide = waiting_lives(waiting)
    shows: dict[str, object] = {
        "cases": read_as(cases.items, list[Case]),
        "open_cases": cases,
        "soon_hours": SOON.total_seconds() / 3600,
        "to_decide": to_decide,
        "more_to_decide": waiting.more,
        "lives": _without(latest_lives(latest), {life.id for _, life in to_decide}),
        "more_decisions": latest.more,
        "most_decisions": _MOST_DECISIONS,
    }
    return View("care.html", ask.say.gettext("Care"), shows, live=("action", "decision", "case"))


def latest_lives(found: Proposals) -> Lives:
    """Proposals by where they stand."""
    return lives_of(
        read_as(found.decisions, list[CareDecision]), read_as(found.actions, list[CareAction])
    )


def waiting_lives(waiting: ToDecide) -> list[tuple[Wait, Life]]:
    """What waits for a person, longest first, and what it is."""
    every = {life.id: life for lives in latest_lives(waiting.proposals) for life in lives}
    return [(wait, every[wait.id]) for wait in waiting.waits if wait.id in every]


def _without(lives: Lives, ids: set[str]) -> Lives:
    return Lives(*(tuple(life for life in stage if life.id not in ids) for stage in lives))
