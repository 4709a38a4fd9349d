"""Puts the HTTP interface together from its ports."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry

from pipeline.adapters.http import (
    examples,
    history_examples,
    insights_examples,
    lists_examples,
    operate_examples,
    queue_examples,
    subscription_examples,
)
from pipeline.adapters.http.access import Access
from pipeline.adapters.http.acts import Desk
from pipeline.adapters.http.admin import make_admin_router
from pipeline.adapters.http.body import Limits
from pipeline.adapters.http.changes import Changes, StreamLimits
from pipeline.adapters.http.edge import Edge
from pipeline.adapters.http.health import make_health_router
from pipeline.adapters.http.history import make_history_router
from pipeline.adapters.http.ingest import Count, make_ingest_router
from pipeline.adapters.http.insights import make_insights_router
from pipeline.adapters.http.lists import make_lists_router
from pipeline.adapters.http.login import make_login_router
from pipeline.adapters.http.oidc import Provider, make_oidc_router
from pipeline.adapters.http.operate import make_operate_router
from pipeline.adapters.http.operate_forms import make_form_router
from pipeline.adapters.http.ports import (
    CareQueue,
    Condition,
    History,
    Ingest,
    Insights,
    Readiness,
    ReadModel,
)
from pipeline.adapters.http.problems import add_problem_handlers
from pipeline.adapters.http.queue import make_queue_router
from pipeline.adapters.http.read import make_read_router
from pipeline.adapters.http.stream import make_stream_router
from pipeline.adapters.http.subscriptions import make_subscription_router
from pipeline.adapters.messages import Catalogues
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.core.policy.compiled import Policy

_DESCRIPTION = (
    "Touch events in; per customer a score with its explanation, and the actions taken. "
    "Errors are problems (RFC 9457)."
)

_OUTPUTS: Final = (
    *examples.OUTPUTS,
    *lists_examples.OUTPUTS,
    *history_examples.OUTPUTS,
    *insights_examples.OUTPUTS,
    *operate_examples.OUTPUTS,
    *queue_examples.OUTPUTS,
    *subscription_examples.OUTPUTS,
    Condition,
)


def make_app(
    *,
    ingest: Ingest | None,
    read: ReadModel | None,
    readiness: Readiness,
    policy: Callable[[], Policy],
    catalogues: Catalogues,
    access: Access,
    now_ms: Callable[[], int],
    registry: CollectorRegistry,
    version: str,
    queue: CareQueue | None = None,
    history: History | None = None,
    insights: Insights | None = None,
    subscriptions: SubscriptionDesk | None = None,
    desk: Desk | None = None,
    count: Count = lambda outcome, events: None,
    console: APIRouter | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    stream_limits: StreamLimits = StreamLimits(),  # noqa: B008 - frozen
    provider: Provider | None = None,
) -> FastAPI:
    """The application. Without ``ingest``, ``read``, ``queue``, ``history`` (which needs ``read``),
    ``insights``, ``subscriptions`` or ``desk`` those routes are left out. Before its server stops
    call ``end_streams``.

    ``access`` decides who may pass, by the table in ``scopes``: a route that is not in it is
    refused. With ``provider`` people may log in by their organisation.

    ``policy`` is asked for every request: the policy may be exchanged. ``catalogues`` are the
    languages it explains in. ``now_ms`` is the clock, in milliseconds since 1970; ``version`` is
    the program's; ``count`` is told what became of the events handed in. ``console`` are the
    pages for people (``make_console_router``).
    """
    # No pages of its own for the document: they would load scripts from elsewhere.
    app = FastAPI(
        title="Touchpoint pipeline",
        description=_DESCRIPTION,
        version=version,
        docs_url=None,
        redoc_url=None,
    )
    add_problem_handlers(app)
    if ingest is not None:
        app.include_router(
            make_ingest_router(ingest, policy=policy, now_ms=now_ms, count=count, limits=limits)
        )
    if queue is not None:
        app.include_router(make_queue_router(queue))
    if read is not None:
        app.include_router(make_lists_router(read, now_ms=now_ms))
    if read is not None and history is not None:
        app.include_router(make_history_router(history, read, now_ms=now_ms))
        app.state.changes = Changes(history, stream_limits)
        app.include_router(make_stream_router(app.state.changes))
    if read is not None:  # after longer paths, which it would take for ids
        app.include_router(make_read_router(read, policy=policy, catalogues=catalogues))
    if insights is not None:
        app.include_router(make_insights_router(insights, now_ms=now_ms))
    if subscriptions is not None:
        app.include_router(make_subscription_router(subscriptions))
    if desk is not None:
        app.include_router(make_operate_router(desk))
        app.include_router(make_form_router(desk))
    app.include_router(make_health_router(readiness, registry))
    app.include_router(
        make_admin_router(access, now=lambda: datetime.fromtimestamp(now_ms() / 1000, UTC))
    )
    app.include_router(make_login_router(access, catalogues, policy, oidc=provider is not None))
    if provider is not None:
        app.include_router(make_oidc_router(access, provider))
    if console is not None:
        app.include_router(console)
    app.add_middleware(Edge, access=access)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def end_streams(app: FastAPI) -> None:
    """End the streams of ``app``: they would go on for ever. Called in its event loop."""
    changes: Changes | None = getattr(app.state, "changes", None)
    if changes is not None:
        changes.close()


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {}).update(examples.components(*_OUTPUTS))
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"key": []}]
        app.openapi_schema = document
    return app.openapi_schema
