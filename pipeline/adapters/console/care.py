"""The care queue: which clock runs out next, what is under way, what was held or refused."""

from datetime import timedelta
from typing import Final

from pipeline.adapters.console.lives import lives_of
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.rows import Case, read_as
from schemas.care import CareAction, CareDecision

_MOST_CASES: Final = 500
_MOST_DECISIONS: Final = 1_000
_SOON: Final = timedelta(hours=4)


def view_care(ask: Ask) -> View:
    """The page: open cases by their next clock, those without one last."""
    read = ask.sources.read
    page = read.cases(_MOST_CASES, customer=None, status="open", before=None)
    cases = sorted(
        read_as(page.items, list[Case]),
        key=lambda case: (case.next_due is None, case.next_due or ask.now, case.opened_at),
    )
    decided = read.decisions(_MOST_DECISIONS, customer=None, before=None)
    acted = read_as(
        read.actions(_MOST_DECISIONS, customer=None, before=None).items, list[CareAction]
    )
    due = [case.next_due for case in cases if case.next_due is not None]
    shows: dict[str, object] = {
        "cases": cases,
        "more_cases": page.next is not None,
        "overdue": sum(time < ask.now for time in due),
        "soon": sum(ask.now <= time < ask.now + _SOON for time in due),
        "soon_hours": _SOON.total_seconds() / 3600,
        "lives": lives_of(read_as(decided.items, list[CareDecision]), acted),
        "more_decisions": decided.next is not None,
        "most_decisions": _MOST_DECISIONS,
    }
    return View("care.html", ask.say.gettext("Care"), shows, live=("action", "decision", "case"))
