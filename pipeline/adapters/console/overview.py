"""The first page: find a customer, and what needs attention now."""

from datetime import timedelta
from typing import Final

from pipeline.adapters.console.care import care_now
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.rows import Letter, read_as

_MOST_SHOWN: Final = 8
_FALLS_HOURS: Final = 24


def view_overview(ask: Ask, *, missing: str | None = None) -> View:
    """The page; ``missing`` is an id that was looked for and not found."""
    read, insights = ask.sources.read, ask.sources.insights
    care = care_now(ask)
    since = ask.now - timedelta(hours=_FALLS_HOURS)
    falls = None if insights is None else insights.falls(100, since=since, before=None)
    letters = read.dead_letters(100, before=None)
    shows: dict[str, object] = {
        "missing": missing,
        "care": care,
        "due": [case for case in care.first if case.next_due is not None][:_MOST_SHOWN],
        "falls": None if falls is None else sorted(falls.items, key=_points)[:_MOST_SHOWN],
        "falls_hours": _FALLS_HOURS,
        "letters": read_as(letters.items, list[Letter]),
        "more_letters": letters.next is not None,
        "not_ready": [each for each in ask.sources.readiness.conditions() if not each.ready],
        "conditions": ask.sources.readiness.conditions(),
    }
    return View(
        "overview.html",
        ask.say.gettext("Overview"),
        shows,
        live=("score", "action", "decision", "case"),
        status=404 if missing else 200,
    )


def _points(fall: object) -> float:
    return float(getattr(fall, "points", 0.0))
