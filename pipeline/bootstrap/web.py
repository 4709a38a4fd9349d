"""The whole HTTP interface on a SQL store, the same for every process that serves it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from pipeline.adapters.http.access import Access
from pipeline.adapters.http.acts import Desk
from pipeline.adapters.http.app import end_streams, make_app
from pipeline.adapters.http.oidc import Provider
from pipeline.adapters.http.ports import Ingest, Readiness
from pipeline.adapters.http.server import serve
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.common import now_ms, read_catalogues
from pipeline.bootstrap.console import make_console
from pipeline.bootstrap.reading import ReadSide
from pipeline.config import program_version
from pipeline.core.policy.compiled import Policy


def make_web(
    side: ReadSide,
    *,
    ingest: Ingest | None,
    desk: Desk | None,
    subscriptions: SubscriptionDesk,
    readiness: Readiness,
    access: Access,
    provider: Provider | None,
    policy: Policy,
    metrics: Metrics,
) -> FastAPI:
    """The API and the console. Without ``ingest`` no events come in; without ``desk`` nobody acts
    on care."""
    catalogues = read_catalogues(policy)
    return make_app(
        ingest=ingest,
        desk=desk,
        read=side.read,
        queue=side.queue,
        history=side.history,
        insights=side.insights,
        subscriptions=subscriptions,
        readiness=readiness,
        policy=lambda: policy,
        catalogues=catalogues,
        access=access,
        provider=provider,
        now_ms=now_ms,
        registry=metrics.registry,
        version=program_version(),
        count=lambda outcome, events: metrics.ingest.labels(outcome).inc(events),
        console=make_console(
            side,
            readiness=readiness,
            registry=metrics.registry,
            policy=lambda: policy,
            catalogues=catalogues,
        ),
    )


def serve_web(
    app: FastAPI,
    host: str,
    port: int,
    *,
    listening: Callable[[str], object],
    around: AbstractAsyncContextManager[object] | None = None,
) -> None:
    """Serve it until a signal comes; ``listening`` is told the address. Raises ``PortTaken``."""
    serve(
        app,
        host,
        port,
        on_listening=lambda bound, port: listening(f"http://{bound}:{port}"),
        on_stopping=lambda: end_streams(app),
        around=around,
    )
