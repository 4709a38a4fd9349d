"""The console's routes: a page each, its files, and pages for what went wrong."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.adapters.console.assets import load_assets
from pipeline.adapters.console.campaigns import view_campaigns
from pipeline.adapters.console.care import view_care
from pipeline.adapters.console.customer import EventsWish, view_customer
from pipeline.adapters.console.health import view_health
from pipeline.adapters.console.operator import Wish, view_operator
from pipeline.adapters.console.overview import view_overview
from pipeline.adapters.console.pages import LANG, Pages, chosen
from pipeline.adapters.console.ports import Ask, CampaignReports, Sources
from pipeline.adapters.console.silent import Experience, view_silent
from pipeline.adapters.console.speech import speech
from pipeline.adapters.console.view import View, customer_path
from pipeline.adapters.console.waterfall import By
from pipeline.adapters.http.ports import (
    Busy,
    CareQueue,
    History,
    Insights,
    Readiness,
    ReadModel,
    Unavailable,
)
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.who import Who, who_of
from pipeline.adapters.messages import Catalogues
from pipeline.core.policy.compiled import Policy
from schemas.insights import Axis

PREFIX: Final = "/console"

_NOT_NOW: Final = (Busy, Unavailable, OperationalError, PoolTimeout)

Days = Annotated[int, Query(ge=1, le=730)]
Name = Annotated[str | None, Query(max_length=256)]
SomeName = Annotated[str, Query(min_length=1, max_length=256)]
Cursor = Annotated[str | None, Query(max_length=100)]
Make = Callable[[Ask], View]


def make_console_router(
    read: ReadModel,
    queue: CareQueue,
    history: History | None,
    insights: Insights | None,
    *,
    campaigns: CampaignReports | None = None,
    readiness: Readiness,
    registry: CollectorRegistry,
    policy: Callable[[], Policy],
    catalogues: Catalogues,
    now_ms: Callable[[], int],
    who: Callable[[Request], Who] = who_of,
) -> APIRouter:
    """Pages under ``/console``. They are no coroutines: they run in threads and may block.

    What is ``None`` is told to be missing on the pages that would show it. ``now_ms`` is the
    clock, in milliseconds since 1970; ``who`` tells who asks.
    """
    sources = Sources(read, queue, history, insights, campaigns, readiness, registry, policy)
    assets = load_assets()
    pages = Pages(assets)

    def ask_of(request: Request) -> Ask:
        header = request.headers.get("accept-language")
        return Ask(
            sources,
            datetime.fromtimestamp(now_ms() / 1000, UTC),
            speech(catalogues, chosen(request, LANG), header, policy().file.language),
            who(request),
            request.scope.get("root_path", "") + PREFIX,
        )

    def page(request: Request, make: Make) -> Response:
        ask = ask_of(request)
        return pages.answer(request, ask, _made(ask, make))

    def refused(request: Request, error: RequestValidationError) -> Response:
        ask = ask_of(request)
        wrong = ", ".join(sorted({str(each["loc"][-1]) for each in error.errors()}))
        return pages.answer(request, ask, _error(ask, 422, wrong))

    class ConsoleRoute(APIRoute):
        """A route whose parameters are refused with a page."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    return refused(request, error)

            return handled

    router = APIRouter(prefix=PREFIX, include_in_schema=False, route_class=ConsoleRoute)

    @router.get("/static/{name}")
    def get_asset(request: Request, name: str) -> Response:
        if name not in assets:
            raise ProblemError(404, "not_found", "the console has no such file")
        return assets[name].answer(request.headers.get("accept-encoding", ""))

    _add_pages(router, page, read)
    return router


def _add_pages(
    router: APIRouter, page: Callable[[Request, Make], Response], read: ReadModel
) -> None:
    @router.get("")
    def get_root(request: Request) -> Response:
        return RedirectResponse(request.scope.get("root_path", "") + PREFIX + "/", 308)

    @router.get("/")
    def get_overview(request: Request, customer: Name = None) -> Response:
        wanted = (customer or "").strip()
        if wanted and _knows(read, wanted):
            base = request.scope.get("root_path", "") + PREFIX
            return RedirectResponse(customer_path(base, wanted), 303)
        return page(request, lambda ask: view_overview(ask, missing=wanted or None))

    @router.get("/customers/{customer:path}")
    def get_customer(
        request: Request,
        customer: str,
        *,
        by: By = "dimension",
        days: Days = 90,
        before: Cursor = None,
        event: Name = None,
    ) -> Response:
        wish = EventsWish(before, event)
        return page(
            request, lambda ask: view_customer(ask, customer, by=by, days=days, events=wish)
        )

    @router.get("/operator")
    def get_operator(
        request: Request,
        axis: Axis = "touchpoint",
        value: Name = None,
        dimension: Name = None,
        days: Days = 30,
    ) -> Response:
        wish = Wish(axis, value, dimension or None, days)
        return page(request, lambda ask: view_operator(ask, wish))

    @router.get("/silent")
    def get_silent(
        request: Request,
        touchpoint: SomeName,
        dimension: SomeName,
        days: Days = 30,
        before: Cursor = None,
    ) -> Response:
        felt = Experience(touchpoint, dimension, days)
        return page(request, lambda ask: view_silent(ask, felt, before=before))

    @router.get("/care")
    def get_care(request: Request) -> Response:
        return page(request, view_care)

    @router.get("/campaigns")
    def get_campaigns(request: Request, days: Days = 90) -> Response:
        return page(request, lambda ask: view_campaigns(ask, days=days))

    @router.get("/health")
    def get_health(request: Request, before: Cursor = None) -> Response:
        return page(request, lambda ask: view_health(ask, before=before))

    @router.get("/{rest:path}")
    def get_nothing(request: Request, rest: str) -> Response:
        return page(request, lambda ask: _error(ask, 404, ""))


def _knows(read: ReadModel, customer: str) -> bool:
    try:
        return read.score(customer) is not None
    except _NOT_NOW:
        return True  # the customer's page says that nothing can be read now


def _made(ask: Ask, make: Make) -> View:
    """The page, or one that says why there is none."""
    try:
        return make(ask)
    except ProblemError as problem:
        return _error(ask, problem.status, problem.code)
    except _NOT_NOW:
        return _error(ask, 503, "")
    except ValueError as error:
        if "before" not in str(error):
            raise
        return _error(ask, 422, "before")


def _error(ask: Ask, status: int, what: str) -> View:
    return View(
        "error.html",
        ask.say.gettext("Nothing to show"),
        {"code": status, "what": what},
        status=status,
    )
