"""The Faust worker of one stage: who owns a partition runs its lane."""

import gc
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import faust
from faust.types import TP
from kafka.errors import KafkaError
from mode import Service

from pipeline.adapters.kafka.clients import limit_client_logs
from pipeline.adapters.kafka.intake import LaneIntake
from pipeline.adapters.kafka.lanes import LaneGroup, OnMisplacedKey, OwnedLane
from pipeline.adapters.kafka.process import QuietWorker, Watchdog
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.ticks import Ticker, TickValue
from pipeline.adapters.kafka.topics import partition_problems
from pipeline.adapters.kafka.transport import ChunkApp, ChunkConsumer, Fetched
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import Observer, Stage

log = logging.getLogger(__name__)

MAX_POLL_SECONDS = 1_000.0
"""With 30 s, a stall of the cluster made the member leave the group, and Faust never came back."""

BROKER_RETRY_SECONDS = 1.0


class WorkerRefusedError(Exception):
    """The worker may not start; the message says what to do."""


class KafkaWorker:
    """One process of one stage.

    ``tick_value`` makes the bytes of a ``clock.ticked`` event, ``on_misplaced_key`` hears of keys
    on a wrong partition, ``services`` (health and metrics pages) start and stop with the worker.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        stage: Stage,
        observer: Observer,
        tick_value: TickValue,
        limits: LaneLimits | None = None,
        services: Sequence[Service] = (),
        on_misplaced_key: OnMisplacedKey = lambda partition, key: None,
    ) -> None:
        self._settings = settings
        self._lanes = LaneGroup(
            settings,
            stage=stage,
            observer=observer,
            limits=LaneLimits() if limits is None else limits,
            on_misplaced_key=on_misplaced_key,
        )
        self._tick_value = tick_value
        self._services = services
        self._assigned = False

    @property
    def assigned(self) -> bool:
        """Whether the group has given this worker its share, be it none."""
        return self._assigned

    def lanes(self) -> list[OwnedLane]:
        """The lanes this worker owns now, by partition."""
        return self._lanes.owned()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code.

        Raises ``WorkerRefusedError`` if no broker answers or the topics do not fit.
        """
        limit_client_logs()
        wait_for_topics(self._settings)
        # Chunks make many short-lived objects that are no garbage cycles.
        gc.set_threshold(100_000, 20, 100)
        app = self.make_app()
        ticker = Ticker(
            self._settings,
            partitions=lambda: self._lanes.partitions,
            tick_value=self._tick_value,
        )
        worker = QuietWorker(
            app,
            *self._services,
            ticker,
            Watchdog(app),
            hard_exit_seconds=self._settings.hard_exit_seconds,
        )
        try:
            worker.execute_from_commandline()
        except SystemExit as exit_request:
            return exit_request.code if isinstance(exit_request.code, int) else 1

    def make_app(self) -> ChunkApp:
        """The Faust app: its agent hands each chunk to the lane of its partition."""
        app = make_app(self._settings)
        topic = app.topic(
            self._settings.topic(self._settings.source_topic),
            # Nothing is decoded: a chunk is no bytes, and passes both of these as it is.
            value_type=bytes,
            value_serializer="raw",
            # Faust tracks and commits nothing: each lane's transaction does.
            acks=False,
        )

        @app.agent(topic)
        async def lanes(stream: faust.StreamT[Any]) -> None:
            events = cast(faust.Stream[Any], stream).noack().events()
            async for event in cast(AsyncIterator[faust.EventT[Any]], events):
                self._deliver(cast(ChunkConsumer, app.consumer), event)

        @app.on_partitions_assigned.connect
        async def assigned(*arguments: object, **_: object) -> None:
            await self._close_lanes()  # revocation has done it; a second owner must never be
            for tp in sorted(cast(set[TP], arguments[1])):
                intake = LaneIntake(cast(ChunkConsumer, app.consumer), tp)
                self._lanes.open(tp.partition, intake)
            self._assigned = True

        @app.on_partitions_revoked.connect
        async def revoked(*_: object, **__: object) -> None:
            # All of them: the group assigns eagerly, so every partition is given out anew.
            await self._close_lanes()

        @app.on_before_shutdown.connect
        async def stopping(*_: object, **__: object) -> None:
            # Fetching has stopped, and the member is still in the group: nobody else owns yet.
            await self._close_lanes()

        return app

    def _deliver(self, consumer: ChunkConsumer, event: faust.EventT[Any]) -> None:
        fetched = cast(Fetched, event.value)
        if consumer.is_current(event.message.tp, fetched):
            self._lanes.put(event.message.partition, fetched.chunk)

    async def _close_lanes(self) -> None:
        self._assigned = False
        await self._lanes.close(self._lanes.partitions, self._settings.stop_seconds)


def make_app(settings: KafkaSettings) -> ChunkApp:
    """A Faust app with what the pipeline needs of it, and the rest switched off."""
    app = ChunkApp(
        settings.group_id(),
        broker=[f"kafka://{address}" for address in settings.bootstrap.split(",")],
        broker_max_poll_interval=MAX_POLL_SECONDS,
        broker_request_timeout=settings.request_timeout_seconds,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.heartbeat_seconds,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        store="memory://",
        stream_wait_empty=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.kafka = settings
    return app


def wait_for_topics(settings: KafkaSettings) -> None:
    """Wait for a broker, then check the topics. Raises ``WorkerRefusedError``.

    Faust would exit if no broker answers at its start.
    """
    deadline = time.monotonic() + settings.broker_wait_seconds
    while True:
        try:
            problems = partition_problems(settings)
            break
        except (KafkaError, OSError) as error:
            if time.monotonic() > deadline:
                raise WorkerRefusedError(
                    f"no broker answered at {settings.bootstrap} within "
                    f"{settings.broker_wait_seconds:g} s: {error!r}"
                ) from error
            log.warning("waiting for a broker at %s: %r", settings.bootstrap, error)
            time.sleep(BROKER_RETRY_SECONDS)
    if problems:
        raise WorkerRefusedError("; ".join(problems))
