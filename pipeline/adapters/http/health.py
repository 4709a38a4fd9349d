"""Whether this process lives and is ready, and its metrics; usable beside any worker."""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from pipeline.adapters.http.examples import json_of, reference
from pipeline.adapters.http.ports import Condition, Readiness
from pipeline.adapters.http.problems import add_problem_handlers

_CONDITION: Final = {"name": "lane 0", "ready": True, "state": "running", "detail": ""}
_LIVE: Final = json_of(
    {
        "type": "object",
        "required": ["alive", "detail"],
        "properties": {"alive": {"type": "boolean"}, "detail": {"type": "string"}},
    },
    "Whether it can go on; with 503 it cannot, and `detail` says why.",
    {"alive": True, "detail": ""},
)
_READY: Final = json_of(
    {
        "type": "object",
        "required": ["ready", "conditions"],
        "properties": {
            "ready": {"type": "boolean"},
            "conditions": {"type": "array", "items": reference(Condition)},
        },
    },
    "Every part; 503 unless all are ready.",
    {"ready": True, "conditions": [_CONDITION]},
)
_METRICS: Final = {
    "description": "In Prometheus' text format.",
    "content": {
        "text/plain": {
            "schema": {"type": "string"},
            "example": 'touchpoint_ingest_events_total{outcome="accepted"} 9.0\n',
        }
    },
}

_NO_STORE: Final = {"Cache-Control": "no-store"}


def make_health_router(readiness: Readiness, registry: CollectorRegistry) -> APIRouter:
    """``/livez``, ``/readyz`` and ``/metrics``."""
    router = APIRouter(tags=["operation"])

    @router.get(
        "/livez",
        summary="503 if only a restart can help",
        responses={200: _LIVE, 503: _LIVE},
        response_class=Response,
    )
    def livez() -> Response:
        fatal = readiness.fatal()
        return _answer(fatal is None, {"alive": fatal is None, "detail": fatal or ""})

    @router.get(
        "/readyz",
        summary="503 unless every part is ready; says why",
        responses={200: _READY, 503: _READY},
        response_class=Response,
    )
    def readyz() -> Response:
        conditions = readiness.conditions()
        ready = bool(conditions) and all(each.ready for each in conditions)
        body = {"ready": ready, "conditions": conditions}
        return _answer(ready, body)

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        responses={200: _METRICS},
        response_class=Response,
    )
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def make_health_app(readiness: Readiness, registry: CollectorRegistry) -> FastAPI:
    """An application of these routes alone, for a worker without an interface of its own."""
    app = FastAPI(title="Touchpoint worker", docs_url=None, redoc_url=None)
    add_problem_handlers(app)
    app.include_router(make_health_router(readiness, registry))
    return app


def _answer(good: bool, body: dict[str, Any]) -> Response:
    return Response(
        msgspec.json.encode(body),
        200 if good else 503,
        headers=_NO_STORE,
        media_type="application/json",
    )
