"""Everything in one process on SQLite."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from pipeline.adapters.dispatch.config import ChannelsFile
from pipeline.adapters.dispatch.settled import SettledEvent
from pipeline.adapters.embedded.dispatch import (
    EmbeddedConsents,
    EmbeddedDispatch,
    EmbeddedOrders,
)
from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedRunner
from pipeline.adapters.http.ports import Busy, Condition, Entry, ReadModel, Unavailable
from pipeline.adapters.subscriptions.work import SubscriptionWork
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.bootstrap.access import check_environment, open_access, provider_of
from pipeline.bootstrap.common import now_ms, read_policy, tick_value
from pipeline.bootstrap.dispatch import make_dispatcher, read_channels
from pipeline.bootstrap.operate import make_embedded_desk
from pipeline.bootstrap.read_model import forgetting, retention_of
from pipeline.bootstrap.reading import make_read_side
from pipeline.bootstrap.subscriptions import make_subscriptions, telling
from pipeline.bootstrap.web import make_web, serve_web
from pipeline.config import access_settings, program_version
from pipeline.core.policy.compiled import Policy
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.both import BothStages
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools import demo_show
from sinks.sql.engine import make_engine
from sinks.sql.follow import Follower
from sinks.sql.migrations import upgrade
from sinks.sql.orders import OrderBook
from sinks.sql.rows import write_outputs

log = logging.getLogger(__name__)


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
    warn: Callable[[str], None],
) -> None:
    """Everything in one process on SQLite, until a signal ends it.

    ``warn`` is told the first key, once. With ``dispatches`` false, actions are only written
    down. Raises ``ConfigError``, ``PolicyError``, ``ChannelsError``, ``StartRefused``,
    ``AccessRefused``, ``PortTaken``.
    """
    may_enter = access_settings(os.environ)
    check_environment(may_enter)
    policy = read_policy(policy_file)
    channels = read_channels(channels_file, lines=file.with_name(f"{file.name}.sent.jsonl"))
    metrics = Metrics(CollectorRegistry())
    runner = _runner(file, policy, metrics)
    runner.start()
    try:
        engine = make_engine(f"sqlite:///{file}")
        side = make_read_side(engine, lambda: policy)
        subscriptions = make_subscriptions(engine, side.history, metrics)
        dispatch: EmbeddedDispatch | None = None
        if dispatches:
            dispatch = _dispatch(file, runner, engine, channels, policy=policy, metrics=metrics)
        app = make_web(
            side,
            ingest=runner,
            desk=make_embedded_desk(engine, runner, policy=lambda: policy),
            subscriptions=subscriptions.desk,
            readiness=_Readiness(runner, dispatch, subscriptions.work),
            access=open_access(engine, may_enter, host=host, tell=warn),
            provider=provider_of(may_enter),
            policy=policy,
            metrics=metrics,
        )
        with (
            forgetting(engine, retention_of(policy)),
            _at_work(dispatch),
            telling(subscriptions),
            _town(runner, side.read, say) if demo else nullcontext(),
        ):
            serve_web(
                app,
                host,
                port,
                listening=lambda url: say(f"listening on {url}, state in {file}"),
            )
        engine.dispose()
    finally:
        runner.stop()


def _runner(file: Path, policy: Policy, metrics: Metrics) -> EmbeddedRunner:
    version = program_version()
    stage = BothStages(
        PerceiveStage(policy, version=version), AllocateStage(policy, version=version)
    )
    return EmbeddedRunner(
        Files(file),
        stage=stage,
        prepare=upgrade,
        write_outputs=write_outputs,
        observer=EngineObserver(metrics, stage.name),
        tick_value=tick_value,
        now_ms=now_ms,
    )


class _Readiness:
    """How the lane, dispatch and the telling of subscribers are."""

    def __init__(
        self, runner: EmbeddedRunner, dispatch: EmbeddedDispatch | None, work: SubscriptionWork
    ) -> None:
        self._runner = runner
        self._dispatch = dispatch
        self._work = work

    def conditions(self) -> Sequence[Condition]:
        conditions = (*self._runner.conditions(), self._work.condition())
        if self._dispatch is None:
            return conditions
        return (*conditions, self._dispatch.condition())

    def fatal(self) -> str | None:
        fatal = self._runner.fatal() or self._work.fatal()
        return fatal if fatal or self._dispatch is None else self._dispatch.fatal()


def _dispatch(
    file: Path,
    runner: EmbeddedRunner,
    engine: Engine,
    channels: ChannelsFile,
    *,
    policy: Policy,
    metrics: Metrics,
) -> EmbeddedDispatch:
    """Carries out what the lane decides, and tells the log."""
    follower = Follower(engine)
    consents = EmbeddedConsents(follower.consent)
    orders = EmbeddedOrders(OrderBook(engine).of_action)
    dispatcher = make_dispatcher(channels, policy, consents, orders, metrics=metrics)

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
def _town(runner: EmbeddedRunner, read: ReadModel, say: Callable[[str], None]) -> Iterator[None]:
    """The demonstration, in two threads beside the server."""
    stop = Event()

    def append(key: bytes, value: bytes) -> None:
        try:
            asyncio.run(runner.append([Entry(key, value)], now_ms()))
        except (Busy, Unavailable) as error:
            log.warning("the town waits: %s", error)

    def recent(most: int) -> Sequence[Any]:
        return read.actions(most, customer=None, before=None).items

    threads = [
        Thread(target=demo_show.live, args=(append, stop), name="town", daemon=True),
        Thread(
            target=demo_show.show,
            args=(recent, read.score, say, stop),
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
