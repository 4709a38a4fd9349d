"""Everything in one process on SQLite."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from prometheus_client import CollectorRegistry

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedRunner
from pipeline.adapters.http.access import make_access
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.ports import Busy, Entry, Unavailable
from pipeline.adapters.http.server import serve
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.bootstrap.common import now_ms, read_catalogues, read_policy, tick_value
from pipeline.config import program_version
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.both import BothStages
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools import demo_show
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.read import ReadModel
from sinks.sql.rows import write_outputs

log = logging.getLogger(__name__)

API_KEY_VARIABLE: Final = "TOUCHPOINT_API_KEY"


def run_embedded(
    file: Path,
    *,
    host: str,
    port: int,
    policy_file: Path | None,
    demo: bool,
    say: Callable[[str], None],
) -> None:
    """Everything in one process on SQLite, until a signal ends it.

    Raises ``ConfigError``, ``PolicyError``, ``StartRefused``, ``AccessRefused``, ``PortTaken``.
    """
    access = make_access(host, os.environ.get(API_KEY_VARIABLE))
    policy = read_policy(policy_file)
    metrics = Metrics(CollectorRegistry())
    version = program_version()
    stage = BothStages(
        PerceiveStage(policy, version=version), AllocateStage(policy, version=version)
    )
    runner = EmbeddedRunner(
        Files(file),
        stage=stage,
        prepare=upgrade,
        write_outputs=write_outputs,
        observer=EngineObserver(metrics, stage.name),
        tick_value=tick_value,
        now_ms=now_ms,
    )
    runner.start()
    try:
        engine = make_engine(f"sqlite:///{file}")
        read = ReadModel(engine)
        app = make_app(
            ingest=runner,
            read=read,
            readiness=runner,
            policy=lambda: policy,
            catalogues=read_catalogues(policy),
            access=access,
            now_ms=now_ms,
            registry=metrics.registry,
            version=version,
            count=lambda outcome, events: metrics.ingest.labels(outcome).inc(events),
        )

        def listening(bound_host: str, bound_port: int) -> None:
            say(f"listening on http://{bound_host}:{bound_port}, state in {file}")

        with _town(runner, read, say) if demo else _nothing():
            serve(app, host, port, on_listening=listening)
        engine.dispose()
    finally:
        runner.stop()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _town(runner: EmbeddedRunner, read: ReadModel, say: Callable[[str], None]) -> Iterator[None]:
    """The demonstration, in two threads beside the server."""
    stop = Event()

    def append(key: bytes, value: bytes) -> None:
        try:
            asyncio.run(runner.append([Entry(key, value)], now_ms()))
        except (Busy, Unavailable) as error:
            log.warning("the town waits: %s", error)

    threads = [
        Thread(target=demo_show.live, args=(append, stop), name="town", daemon=True),
        Thread(
            target=demo_show.show,
            args=(lambda most: read.actions(most).items, read.score, say, stop),
            name="show",
            daemon=True,
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
