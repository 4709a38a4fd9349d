"""One customer's page: how the service feels, why, what happened, and what is done about it."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Final, NamedTuple

from pipeline.adapters.console.figures import (
    Fall,
    Figure,
    ScorePoint,
    score_figure,
    waterfall_figure,
)
from pipeline.adapters.console.lives import lives_of
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View, event_path
from pipeline.adapters.console.waterfall import BY, By, waterfall
from pipeline.adapters.http.ports import History
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.rows import Case, read_as
from pipeline.core.perceive.explain import Explanation, explain, places_of
from pipeline.core.perceive.words import in_words
from schemas.care import CareAction, CareDecision
from schemas.perception import Contribution, Score

TRAIL_HOURS: Final = 48
_MOST_TRAIL: Final = 200
_MOST_EVENTS: Final = 50
_MOST_CASES: Final = 50
_MOST_DECISIONS: Final = 200
_LEAST_HEIGHT: Final = 300
_FIRM: Final = 0.8
_FAIR: Final = 0.5


class EventsWish(NamedTuple):
    """Which events are listed: the latest, those behind a cursor, or those from ``event`` back
    where it is not among these."""

    before: str | None = None
    event: str | None = None


def view_customer(
    ask: Ask,
    customer: str,
    *,
    by: By = "dimension",
    days: int = 90,
    events: EventsWish = EventsWish(),  # noqa: B008 - frozen
) -> View:
    """The page. Raises ``ProblemError`` 404 for a customer nothing is known of."""
    read = ask.sources.read
    found = read.explanation(customer)
    if found is None:
        raise ProblemError(404, "unknown_customer", "no event of this customer was processed")
    score = read_as(found, Score)
    explanation = explain(score, places_of(ask.sources.policy()))
    decided = read_as(
        read.decisions(_MOST_DECISIONS, customer=customer, before=None).items, list[CareDecision]
    )
    acted = read_as(
        read.actions(_MOST_DECISIONS, customer=customer, before=None).items, list[CareAction]
    )
    cases = read_as(
        read.cases(_MOST_CASES, customer=customer, status=None, before=None).items, list[Case]
    )
    fall, steps = _why(ask, explanation, by)
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
        "fall": fall,
        "waterfall": steps,
        **_happened(ask, score, days=days, wish=events, height=steps["layout"]["height"]),
    }
    return View(
        "customer.html",
        ask.say.gettext("Customer {customer}", customer=customer),
        shows,
        live=("score", "action", "decision", "case"),
        about=customer,
        every_seconds=1,  # one customer's changes are few, and waited for
    )


def _why(ask: Ask, explanation: Explanation, by: By) -> tuple[Fall, Figure]:
    def link(event: str) -> str:
        return event_path(ask.base, explanation.customer, event) or ""

    fall = waterfall(explanation, by, ask.say, link)
    return fall, waterfall_figure(fall, ask.say)


def _happened(
    ask: Ask, score: Score, *, days: int, wish: EventsWish, height: int
) -> dict[str, object]:
    """The trail, the events page by page, and the score over time; nothing without a history."""
    history = ask.sources.history
    if history is None:
        return {"trail": None, "events": None, "older": None, "curve": None, "moved": ()}
    customer, until = score.customer, max(ask.now, score.as_of)
    trail = history.trail(customer, since=until - timedelta(hours=TRAIL_HOURS), limit=_MOST_TRAIL)
    recent = history.history(customer, _MOST_TRAIL, since=until - timedelta(days=days), before=None)
    events, older = _events(history, customer, wish)
    points = _points(ask, read_as(recent.items, list[Contribution]))
    return {
        "trail": read_as(trail, list[Contribution]),
        "events": events,
        "older": older,
        "moved": points,
        "curve": _curve(ask, score, points, height) if points else None,
    }


def _events(
    history: History, customer: str, wish: EventsWish
) -> tuple[list[Contribution], str | None]:
    """A page of events, and the cursor of the next."""

    def read(before: str | None) -> tuple[list[Contribution], str | None]:
        page = history.history(customer, _MOST_EVENTS, since=None, before=before)
        return read_as(page.items, list[Contribution]), page.next

    events, older = read(wish.before)
    if wish.event is not None and wish.event not in {each.event for each in events}:
        there = history.cursor_of(customer, wish.event)
        return (events, older) if there is None else read(there)
    return events, older


def _points(ask: Ask, contributions: Sequence[Contribution]) -> list[ScorePoint]:
    """The score after each event that has one, oldest first."""
    return [
        ScorePoint(
            each.time,
            each.score_after,
            0.0 if each.score_before is None else each.score_after - each.score_before,
            ask.say.title("touchpoint", each.touchpoint),
        )
        for each in reversed(contributions)
        if each.score_after is not None
    ]


def _curve(ask: Ask, score: Score, points: Sequence[ScorePoint], height: int) -> Figure:
    rule = ask.sources.policy().file.decide.low_score
    return score_figure(
        points,
        baseline=score.baseline,
        care_below=None if rule is None else rule.below.value,
        height=max(height, _LEAST_HEIGHT),  # as high as the waterfall beside it
        say=ask.say,
    )


def _confidence(confidence: float) -> str:
    """How sure a score is, as a name."""
    if confidence >= _FIRM:
        return "firm"
    return "fair" if confidence >= _FAIR else "weak"
