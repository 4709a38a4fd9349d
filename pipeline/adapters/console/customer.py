"""One customer's page: how the service feels, why, what happened, and what is done about it."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any, Final

from pipeline.adapters.console import rows
from pipeline.adapters.console.figures import ScorePoint, score_figure, waterfall_figure
from pipeline.adapters.console.lives import lives_of
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View, event_path
from pipeline.adapters.console.waterfall import BY, By, waterfall
from pipeline.adapters.http.problems import ProblemError
from pipeline.core.perceive.explain import Explanation, explain, places_of
from pipeline.core.perceive.words import in_words
from schemas.perception import Contribution, Score

TRAIL_HOURS: Final = 48
_MOST_TRAIL: Final = 200
_MOST_EVENTS: Final = 100
_MOST_CASES: Final = 50
_MOST_DECISIONS: Final = 200
_FIRM: Final = 0.8
_FAIR: Final = 0.5


def view_customer(
    ask: Ask, customer: str, *, by: By = "dimension", days: int = 90, before: str | None = None
) -> View:
    """The page. Raises ``ProblemError`` 404 for a customer nothing is known of."""
    read = ask.sources.read
    found = read.explanation(customer)
    if found is None:
        raise ProblemError(404, "unknown_customer", "no event of this customer was processed")
    score = rows.score_of(found)
    explanation = explain(score, places_of(ask.sources.policy()))
    decided = rows.decisions(
        read.decisions(_MOST_DECISIONS, customer=customer, before=None).items
    )
    acted = rows.actions(read.actions(_MOST_DECISIONS, customer=customer, before=None).items)
    cases = rows.cases(
        read.cases(_MOST_CASES, customer=customer, status=None, before=None).items
    )
    shows: dict[str, object] = {
        "score": score,
        "confidence_word": _confidence(score.confidence),
        "words": in_words(score, explanation, ask.say.messages, zone=UTC),
        "target": ask.sources.policy().file.ratio,
        "cases": sorted(
            (case for case in cases if case.status == "open"),
            key=lambda case: (case.next_due is None, case.next_due or case.opened_at),
        ),
        "ended_cases": [case for case in cases if case.status != "open"],
        "lives": lives_of(decided, acted),
        "customer": customer,
        "by": by,
        "ways": BY,
        "days": days,
        "trail_hours": TRAIL_HOURS,
        **_why(ask, explanation, by),
        **_happened(ask, score, days=days, before=before),
    }
    return View(
        "customer.html",
        ask.say.gettext("Customer {customer}", customer=customer),
        shows,
        live=("score", "action", "decision", "case"),
        about=customer,
    )


def _why(ask: Ask, explanation: Explanation, by: By) -> dict[str, object]:
    def link(event: str) -> str:
        return event_path(ask.base, explanation.customer, event) or ""

    fall = waterfall(explanation, by, ask.say, link)
    return {"fall": fall, "waterfall": waterfall_figure(fall, ask.say)}


def _happened(ask: Ask, score: Score, *, days: int, before: str | None) -> dict[str, object]:
    """The trail, the events page by page, and the score over time; nothing without a history."""
    history = ask.sources.history
    if history is None:
        return {"trail": None, "events": None, "older": None, "curve": None, "moved": ()}
    customer, until = score.customer, max(ask.now, score.as_of)
    trail = history.trail(
        customer, since=until - timedelta(hours=TRAIL_HOURS), limit=_MOST_TRAIL
    )
    recent = history.history(
        customer, _MOST_TRAIL, since=until - timedelta(days=days), before=None
    )
    page = history.history(customer, _MOST_EVENTS, since=None, before=before)
    points = _points(ask, rows.contributions(recent.items))
    return {
        "trail": rows.contributions(trail),
        "events": rows.contributions(page.items),
        "older": page.next,
        "moved": points,
        "curve": _curve(ask, score, points) if points else None,
    }


def _points(ask: Ask, contributions: Sequence[Contribution]) -> list[ScorePoint]:
    """The score after each event that has one, oldest first."""
    return [
        ScorePoint(
            each.time,
            each.score_after,
            0.0 if each.score_before is None else each.score_after - each.score_before,
            ask.say.name("touchpoint", each.touchpoint),
        )
        for each in reversed(contributions)
        if each.score_after is not None
    ]


def _curve(ask: Ask, score: Score, points: Sequence[ScorePoint]) -> dict[str, Any]:
    below = ask.sources.policy().file.decide.low_score.below.value
    return score_figure(points, baseline=score.baseline, care_below=below, say=ask.say)


def _confidence(confidence: float) -> str:
    """How sure a score is, as a name."""
    if confidence >= _FIRM:
        return "firm"
    return "fair" if confidence >= _FAIR else "weak"


