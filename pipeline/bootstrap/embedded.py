"""Everything in one process on SQLite."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from prometheus_client import CollectorRegistry

from pipeline.adapters.dispatch.dispatcher import Dispatcher
from pipeline.adapters.dispatch.settled import SettledEvent
from pipeline.adapters.embedded.dispatch import (
    EmbeddedConsents,
    EmbeddedDispatch,
    EmbeddedOrders,
)
from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedRunner
from pipeline.adapters.http.access import make_access
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.ports import Busy, Condition, Entry, Unavailable
from pipeline.adapters.http.server import serve
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.bootstrap.common import now_ms, read_catalogues, read_policy, tick_value
from pipeline.bootstrap.dispatch import make_dispatcher, read_channels
from pipeline.bootstrap.operate import make_embedded_desk
from pipeline.config import program_version
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.both import BothStages
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools import demo_show
from sinks.sql.engine import make_engine
from sinks.sql.follow import Follower
from sinks.sql.migrations import upgrade
from sinks.sql.orders import OrderBook
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
    channels_file: Path | None,
    dispatches: bool,
    demo: bool,
    say: Callable[[str], None],
) -> None:
    """Everything in one process on SQLite, until a signal ends it.

    With ``dispatches`` false, actions are only written down. Raises ``ConfigError``,
    ``PolicyError``, ``ChannelsError``, ``StartRefused``, ``AccessRefused``, ``PortTaken``.
    """
    access = make_access(host, os.environ.get(API_KEY_VARIABLE))
    policy = read_policy(policy_file)
    channels = read_channels(channels_file, lines=file.with_name(f"{file.name}.sent.jsonl"))
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
        dispatch: EmbeddedDispatch | None = None
        if dispatches:
            follower = Follower(engine)
            consents = EmbeddedConsents(follower.consent)
            orders = EmbeddedOrders(OrderBook(engine).of_action)
            dispatcher = make_dispatcher(channels, policy, consents, orders, metrics=metrics)
            dispatch = _dispatch(file, runner, follower, dispatcher)
        app = make_app(
            ingest=runner,
            read=read,
            readiness=_Readiness(runner, dispatch),
            policy=lambda: policy,
            catalogues=read_catalogues(policy),
            access=access,
            now_ms=now_ms,
            registry=metrics.registry,
            version=version,
            desk=make_embedded_desk(engine, runner, policy=lambda: policy),
            count=lambda outcome, events: metrics.ingest.labels(outcome).inc(events),
        )

        def listening(bound_host: str, bound_port: int) -> None:
            say(f"listening on http://{bound_host}:{bound_port}, state in {file}")

        with _at_work(dispatch), _town(runner, read, say) if demo else _nothing():
            serve(app, host, port, on_listening=listening)
        engine.dispose()
    finally:
        runner.stop()


class _Readiness:
    """How the lane and dispatch are."""

    def __init__(self, runner: EmbeddedRunner, dispatch: EmbeddedDispatch | None) -> None:
        self._runner = runner
        self._dispatch = dispatch

    def conditions(self) -> Sequence[Condition]:
        conditions = self._runner.conditions()
        if self._dispatch is None:
            return conditions
        return (*conditions, self._dispatch.condition())

    def fatal(self) -> str | None:
        fatal = self._runner.fatal()
        return fatal if fatal or self._dispatch is None else self._dispatch.fatal()


def _dispatch(
    file: Path, runner: EmbeddedRunner, follower: Follower, dispatcher: Dispatcher
) -> EmbeddedDispatch:
    """Carries out what the lane decides, and tells the log."""

    async def append(event: SettledEvent) -> None:
        await runner.append_own(Entry(event.key, event.value))

    return EmbeddedDispatch(
        Files(file).dispatch, dispatcher=dispatcher, rows=follower, append=append
    )


@contextmanager
def _at_work(dispatch: EmbeddedDispatch | None) -> Iterator[None]:
    if dispatch is None:
        yield
        return
    dispatch.start()
    try:
        yield
    finally:
        dispatch.stop()


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
