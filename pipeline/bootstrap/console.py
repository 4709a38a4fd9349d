"""Wires the console: pages over whatever the HTTP interface reads."""

from collections.abc import Callable

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from pipeline.adapters.console.router import make_console_router
from pipeline.adapters.http.ports import Readiness
from pipeline.adapters.messages import Catalogues
from pipeline.bootstrap.common import now_ms
from pipeline.bootstrap.reading import ReadSide
from pipeline.core.policy.compiled import Policy


def make_console(
    side: ReadSide,
    *,
    readiness: Readiness,
    registry: CollectorRegistry,
    policy: Callable[[], Policy],
    catalogues: Catalogues,
) -> APIRouter:
    """The pages under ``/console``."""
    return make_console_router(
        side.read,
        side.queue,
        side.history,
        side.insights,
        campaigns=side.campaigns,
        readiness=readiness,
        registry=registry,
        policy=policy,
        catalogues=catalogues,
        now_ms=now_ms,
    )
