"""Puts the HTTP interface together from its ports."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry

from pipeline.adapters.http.access import Access
from pipeline.adapters.http.acts import Desk
from pipeline.adapters.http.body import Limits
from pipeline.adapters.http.edge import Edge
from pipeline.adapters.http.examples import components
from pipeline.adapters.http.health import make_health_router
from pipeline.adapters.http.ingest import Count, make_ingest_router
from pipeline.adapters.http.operate import make_operate_router
from pipeline.adapters.http.operate_forms import make_form_router
from pipeline.adapters.http.ports import Ingest, Readiness, ReadModel
from pipeline.adapters.http.problems import add_problem_handlers
from pipeline.adapters.http.read import make_read_router
from pipeline.adapters.messages import Catalogues
from pipeline.core.policy.compiled import Policy

_DESCRIPTION = (
    "Touch events in; per customer a score with its explanation, and the actions taken. "
    "Errors are problems (RFC 9457)."
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
    desk: Desk | None = None,
    count: Count = lambda outcome, events: None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> FastAPI:
    """The application. Without ``ingest``, ``read`` or ``desk`` those routes are left out.

    ``policy`` is asked for every request: the policy may be exchanged. ``catalogues`` are the
    languages it explains in. ``now_ms`` is the clock,
    in milliseconds since 1970; ``version`` is the program's; ``count`` is told what became of
    the events handed in.
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
    if read is not None:
        app.include_router(make_read_router(read, policy=policy, catalogues=catalogues))
    if desk is not None:
        app.include_router(make_operate_router(desk))
        app.include_router(make_form_router(desk))
    app.include_router(make_health_router(readiness, registry))
    app.add_middleware(Edge, access=access)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {}).update(components())
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"key": []}]
        app.openapi_schema = document
    return app.openapi_schema
