"""The dispatch worker on Kafka: reads actions, sees each to its end, and tells what came of it.

At least once: the offset that the group commits never passes an action that is not settled, buried
or put off, each acknowledged by the cluster. What waits long goes to a topic of its own, so that
the actions behind it are not held up.
"""

import asyncio
import logging
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.adapters.dispatch.dispatcher import Dispatcher
from pipeline.adapters.dispatch.ends import End, Parked, Progress
from pipeline.adapters.dispatch.incoming import Unreadable, read_action
from pipeline.adapters.dispatch.port import ConsentView, OrderView
from pipeline.adapters.dispatch.settled import settled_event
from pipeline.adapters.dispatch.window import Window
from pipeline.adapters.http.ports import Condition
from pipeline.adapters.kafka.clients import limit_client_logs, pause_failed_refresh
from pipeline.adapters.kafka.dispatch_outbox import Outbox, resume_of
from pipeline.adapters.kafka.latest import NotRead
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.wishes import KafkaWishes
from pipeline.adapters.kafka.worker import MAX_POLL_SECONDS, wait_for_topics
from schemas.care import CareAction
from schemas.dead_letter import Reason
from schemas.topics import ACTION_RETRIES, ACTIONS

log = logging.getLogger(__name__)

POLL_MS: Final = 200
RESTART_SECONDS: Final = 1.0
STOP_SECONDS: Final = 8.0
"""For what is under way when the worker is told to stop: an attempt's grace, and telling of it."""


class DispatchLimits(NamedTuple):
    """How much of a partition may be under way."""

    window: int = 5_000
    poll_records: int = 500
    commit_seconds: float = 1.0
    rotate_records: int = 100
    """Of a partition of actions put off whose window is full, so many that sleep go to its end at
    each commit, so that those behind them come to their turn."""


class DispatchWorker:
    """One process. ``make`` makes the dispatcher, given who tells of consent
    and of orders."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        make: Callable[[ConsentView, OrderView], Dispatcher],
        version: str,
        limits: DispatchLimits = DispatchLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._settings = settings
        self._wishes = KafkaWishes(settings)
        self._dispatcher = make(self._wishes, self._wishes)
        self._outbox = Outbox(settings, version)
        self._limits = limits
        self._windows: dict[TopicPartition, Window] = {}
        self._tasks: dict[TopicPartition, set[asyncio.Task[None]]] = defaultdict(set)
        self._asleep: dict[TopicPartition, dict[int, asyncio.Event]] = defaultdict(dict)
        self._committed: dict[TopicPartition, int] = {}
        self._given_up: set[TopicPartition] = set()
        self._assigned = False
        self._stop = asyncio.Event()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code.

        Raises ``WorkerRefusedError`` if no broker answers or the topics do not fit.
        """
        limit_client_logs()
        wait_for_topics(self._settings)
        asyncio.run(self._main())
        return 0

    def conditions(self) -> Sequence[Condition]:
        """See ``Readiness``. A destination that is down makes the worker no less ready."""
        assigned, current = self._assigned, self._wishes.current
        return [
            Condition("group", assigned, "assigned" if assigned else "joining"),
            Condition("consents and orders", current, "read" if current else "reading"),
            *(
                Condition(f"destination {outlet.name}", True, outlet.circuit.state)
                for outlet in self._dispatcher.outlets
            ),
        ]

    def fatal(self) -> str | None:
        """``None``: what cannot go on ends its process by itself."""
        return None

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._told_to_stop)
        try:
            while not self._stop.is_set():
                try:
                    await self._serve()
                except (KafkaError, TimeoutError, OSError, NotRead) as error:
                    log.warning("dispatch starts anew: %r", error)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stop.wait(), RESTART_SECONDS)
        finally:
            await self._dispatcher.close()
            await self._wishes.close()
            await self._outbox.close()

    def _told_to_stop(self) -> None:
        self._stop.set()
        # Safe: what is not committed is taken up by whoever comes next.
        timer = threading.Timer(self._settings.hard_exit_seconds, os._exit, (0,))
        timer.daemon = True
        timer.start()

    async def _serve(self) -> None:
        # First: nothing can be sent before consents and orders are known.
        await self._wishes.look()
        consumer = self._make_consumer()
        try:
            await consumer.start()
            topics = [self._settings.topic(name) for name in (ACTIONS, ACTION_RETRIES)]
            consumer.subscribe(topics, listener=_Rebalance(self, consumer))
            await self._read(consumer)
        finally:
            self._assigned = False
            await self.release(consumer, [*self._windows])
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), self._settings.request_timeout_seconds)

    async def _read(self, consumer: Any) -> None:
        loop = asyncio.get_running_loop()
        next_commit = loop.time()
        while not self._stop.is_set():
            fetched = await consumer.getmany(
                timeout_ms=POLL_MS, max_records=self._limits.poll_records
            )
            self._assigned = bool(consumer.assignment())
            for tp, records in fetched.items():
                for record in records:
                    self._take(tp, record)
            self._pace(consumer)
            if loop.time() >= next_commit:
                next_commit = loop.time() + self._limits.commit_seconds
                self._rotate()
                await self._commit(consumer, self._windows)

    def _take(self, tp: TopicPartition, record: ConsumerRecord) -> None:
        if tp in self._given_up:
            return  # it comes again to whoever gets the partition
        window = self._windows.setdefault(tp, Window())
        window.take(record.offset)
        task = asyncio.create_task(self._see_to(tp, record, window))
        self._tasks[tp].add(task)
        task.add_done_callback(self._tasks[tp].discard)
        task.add_done_callback(_tell_of_error)

    async def _see_to(self, tp: TopicPartition, record: ConsumerRecord, window: Window) -> None:
        resume = resume_of(record.headers) if tp.topic.endswith(ACTION_RETRIES) else None
        progress = Progress() if resume is None else resume.progress
        if resume is not None and not await self._sleep(tp, record.offset, resume.not_before):
            await self._outbox.park(record, Parked(resume.not_before, progress, "rotated"))
            window.done(record.offset)
            return
        action = read_action(record.value)
        if isinstance(action, Unreadable):
            await self._outbox.bury(record, action.reason, action.detail)
        else:
            await self._carry_out(record, action, progress)
        window.done(record.offset)

    async def _carry_out(
        self, record: ConsumerRecord, action: CareAction, progress: Progress
    ) -> None:
        reason = Reason.UNDELIVERABLE
        try:
            ended = await self._dispatcher.carry_out(action, progress)
        except Exception as error:
            # The edge: a bug over one action must not hold up its partition for ever.
            log.exception("an action could not be seen to its end")
            reason = Reason.INTERNAL_ERROR
            ended = End("failed", datetime.now(UTC), detail=type(error).__name__)
        if isinstance(ended, Parked):
            await self._outbox.park(record, ended)
            return
        if ended.result == "failed":
            await self._outbox.bury(record, reason, ended.detail, attempts=ended.attempts)
        await self._outbox.settle(settled_event(action, ended))

    async def _sleep(self, tp: TopicPartition, offset: int, until: datetime) -> bool:
        """Whether it slept until then; false if it is to make room."""
        seconds = (until - datetime.now(UTC)).total_seconds()
        if seconds <= 0:
            return True
        woken = self._asleep[tp][offset] = asyncio.Event()
        try:
            await asyncio.wait_for(woken.wait(), seconds)
        except TimeoutError:
            return True
        finally:
            self._asleep[tp].pop(offset, None)
        return False

    def _pace(self, consumer: Any) -> None:
        """Stop reading partitions of which enough is under way, and go on with the others."""
        paused = consumer.paused()
        for tp in consumer.assignment():
            full = len(self._windows.get(tp, ())) >= self._limits.window
            if full and tp not in paused:
                consumer.pause(tp)
            elif not full and tp in paused:
                consumer.resume(tp)

    def _rotate(self) -> None:
        for tp, asleep in self._asleep.items():
            if len(self._windows.get(tp, ())) >= self._limits.window:
                for offset in [*asleep][: self._limits.rotate_records]:
                    asleep[offset].set()

    async def _commit(self, consumer: Any, tps: Iterable[TopicPartition]) -> None:
        positions = {
            tp: self._windows[tp].position
            for tp in tps
            if tp in self._windows and self._windows[tp].position != self._committed.get(tp)
        }
        moved = {tp: position for tp, position in positions.items() if position is not None}
        if not moved:
            return
        try:
            await consumer.commit(moved)
        except (CommitFailedError, IllegalStateError) as error:
            # Somebody else has them now, and begins where we were last: done twice, by id once.
            log.warning("offsets were not committed: %r", error)
            return
        self._committed.update(moved)

    async def release(self, consumer: Any, tps: Iterable[TopicPartition]) -> None:
        """Give partitions up: let attempts under way end, commit, forget."""
        given_up = list(tps)
        self._given_up.update(given_up)
        tasks = [task for tp in given_up for task in self._tasks.pop(tp, ())]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        try:
            await asyncio.wait_for(
                self._commit(consumer, given_up), self._settings.request_timeout_seconds
            )
        except (KafkaError, TimeoutError) as error:
            log.warning("offsets were not committed: %r", error)
        for tp in given_up:
            for known in (self._windows, self._asleep, self._committed):
                known.pop(tp, None)

    def take_over(self, tps: Iterable[TopicPartition]) -> None:
        """Partitions are given to this worker, to be read from where they were committed."""
        self._given_up.difference_update(tps)

    def _make_consumer(self) -> Any:
        settings = self._settings
        consumer = AIOKafkaConsumer(
            **settings.aiokafka_options(),
            group_id=f"{settings.group_id()}-dispatch",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=settings.fetch_wait_ms,
            max_partition_fetch_bytes=settings.max_chunk_bytes,
            session_timeout_ms=int(settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
            max_poll_interval_ms=int(MAX_POLL_SECONDS * 1000),
        )
        pause_failed_refresh(consumer._client)
        return consumer


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """The group gives partitions out anew."""

    def __init__(self, worker: DispatchWorker, consumer: Any) -> None:
        self._worker = worker
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._worker.release(self._consumer, revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        tps = list(assigned)
        self._worker.take_over(tps)
        log.info("dispatch has %d partitions", len(tps))


def _tell_of_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        # Its offset stays open, so that it is taken up again after a restart.
        log.error("an action was not seen to its end", exc_info=error)
