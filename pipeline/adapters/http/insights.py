"""What the scores say of the service, for those who run it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from pipeline.adapters.http.answers import (
    Before,
    Limit,
    Name,
    OfDimension,
    json_answer,
    page_answer,
)
from pipeline.adapters.http.examples import problem_answers
from pipeline.adapters.http.insights_examples import ANSWERS
from pipeline.adapters.http.period import (
    Clock,
    Hours,
    Period,
    Since,
    Until,
    moment_of,
    period_of,
)
from pipeline.adapters.http.ports import Insights
from pipeline.adapters.http.problems import parameter_problem
from pipeline.core.insights.curve import STEPS
from schemas.insights import Axis, Grain

_MOST_BUCKETS: Final = 3_000
"""Of a curve: two days by minute, a season by hour."""

OfAxis = Annotated[Axis, Query(description="By what the touches are told apart.")]
OfGrain = Annotated[Grain, Query(description="How long a bucket is.")]

Ask = Callable[[Period], Sequence[object]]


class PeriodAnswer(msgspec.Struct, frozen=True):
    """What was found of the touches with ``since <= time < until``."""

    since: datetime
    until: datetime
    items: Sequence[object]


class _Routes(NamedTuple):
    """Where the routes go, whom they ask, and how a request's period is found."""

    router: APIRouter
    insights: Insights
    period: Callable[..., Period]


def make_insights_router(insights: Insights, *, now_ms: Clock) -> APIRouter:
    """Routes of insights, each about a period: the last week unless asked otherwise."""

    def period(hours: Hours = None, since: Since = None, until: Until = None) -> Period:
        return period_of(hours, since, until, now=moment_of(now_ms))

    routes = _Routes(APIRouter(prefix="/v1/insights", tags=["insights"]), insights, period)
    _add_levels(routes)
    _add_curve(routes)
    _add_pages(routes)
    _add_plain(routes)
    return routes.router


def _add_levels(routes: _Routes) -> None:
    insights, find = routes.insights, routes.period

    @routes.router.get(
        "/levels", **_options("levels", "Level, target, gap and trend by what you choose")
    )
    def get_levels(
        axis: OfAxis,
        dimension: OfDimension = None,
        period: Period = Depends(find),  # noqa: B008 - how FastAPI has it
    ) -> Response:
        """The largest gap first. Of staff only those with enough touches have a level."""
        return _of(period, lambda at: insights.levels(axis, **at._asdict(), dimension=dimension))


def _add_curve(routes: _Routes) -> None:
    insights, find = routes.insights, routes.period

    @routes.router.get("/curve", **_options("curve", "The level over time, towards its target"))
    def get_curve(
        axis: OfAxis,
        value: Name,
        grain: OfGrain = "hour",
        dimension: OfDimension = None,
        period: Period = Depends(find),  # noqa: B008 - how FastAPI has it
    ) -> Response:
        """Every bucket of the period, also those in which nothing was felt."""
        if (period.until - period.since) / STEPS[grain] > _MOST_BUCKETS:
            what = f"more than {_MOST_BUCKETS} buckets; choose a longer one or a shorter period"
            raise parameter_problem("grain", what)

        def ask(at: Period) -> Sequence[object]:
            try:
                return insights.curve(axis, value, grain=grain, **at._asdict(), dimension=dimension)
            except ValueError as error:
                raise parameter_problem("grain", str(error)) from error

        return _of(period, ask)


def _add_pages(routes: _Routes) -> None:
    insights, find = routes.insights, routes.period

    @routes.router.get(
        "/silent", **_options("silent", "Who felt what others complained of, and said nothing")
    )
    def get_silent(
        touchpoint: Name,
        dimension: Name,
        limit: Limit = 100,
        before: Before = None,
        period: Period = Depends(find),  # noqa: B008 - how FastAPI has it
    ) -> Response:
        """The lowest score first."""
        since = period.since
        return page_answer(
            lambda: insights.silent(touchpoint, dimension, limit, since=since, before=before)
        )

    @routes.router.get("/falls", **_options("falls", "Falls of scores, and what made each"))
    def get_falls(
        limit: Limit = 100,
        before: Before = None,
        period: Period = Depends(find),  # noqa: B008 - how FastAPI has it
    ) -> Response:
        """Newest first."""
        return page_answer(lambda: insights.falls(limit, since=period.since, before=before))


def _add_plain(routes: _Routes) -> None:
    insights = routes.insights
    plain: Sequence[tuple[str, str, Ask]] = (
        ("matrix", "Dimension by tier", lambda at: insights.matrix(**at._asdict())),
        (
            "icebergs",
            "Behind those who complained: the silent with the same experience",
            lambda at: insights.icebergs(**at._asdict()),
        ),
        ("churn", "Why customers left, by share", lambda at: insights.churn(**at._asdict())),
        ("costs", "What actions cost and gained", lambda at: insights.costs(**at._asdict())),
        (
            "experiments",
            "What an action does, by those it was held from",
            lambda at: insights.experiments(**at._asdict()),
        ),
        (
            "care-rules",
            "Care given by hand that could become a rule",
            lambda at: insights.care_rules(**at._asdict()),
        ),
    )
    for name, summary, ask in plain:
        _add_one(routes, name, summary, ask)


def _add_one(routes: _Routes, name: str, summary: str, ask: Ask) -> None:
    @routes.router.get(f"/{name}", name=f"get_{name}", **_options(name, summary))
    def get(
        period: Period = Depends(routes.period),  # noqa: B008 - how FastAPI has it
    ) -> Response:
        return _of(period, ask)


def _of(period: Period, ask: Ask) -> Response:
    return json_answer(PeriodAnswer(period.since, period.until, ask(period)))


def _options(name: str, summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {200: ANSWERS[name], **problem_answers(422, 503)},
        "response_class": Response,
    }
