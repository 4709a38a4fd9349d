"""Everything that overrides Faust, in one place: records travel through it in chunks.

Faust hands records over one by one, which costs about 77 microseconds each; here one message
carries all records of a partition that a fetch brought. ``tests/contract/test_faust_overrides.py``
holds the internals this file leans on to the installed version.

What Faust would do with offsets is switched off: it tracks none, commits none and seeks nowhere.
A partition is fetched only after its lane has said from which offset (``LaneIntake.seek``), and
chunks fetched before the latest seek or under an older generation of the group are dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from faust.app.base import BootStrategy
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP, ConsumerMessage, Message
from faust.types.transports import ConsumerT, TransportT

from pipeline.adapters.kafka.clients import pause_failed_refresh
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.chunk import Chunk

log = logging.getLogger(__name__)

FETCH_PAUSE_SECONDS = 0.2
IDLE_SECONDS = 1.0
WATCH_ANSWER_SECONDS = 15.0


class Fetched(NamedTuple):
    """A chunk, and under which seek and which generation of the group it was fetched."""

    chunk: Chunk
    seek_count: int
    generation: int


class _IgnoredOffsets(dict[TP, int | None]):
    """Stands in for Faust's read offsets: it remembers none, so it never judges a chunk stale."""

    def __missing__(self, tp: TP) -> int | None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass

    def update(self, *args: object, **kwargs: object) -> None:
        pass


class ChunkConsumerThread(AIOKafkaConsumerThread):
    """Runs the aiokafka consumer in its own thread and loop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # Touched in this thread alone.
        self._seek_counts: dict[TP, int] = {}
        self._next_offsets: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: FaustTransport) -> Any:
        settings = cast(ChunkApp, self.app).kafka
        conf = self.app.conf
        # Faust reads it in topic_partitions and in its monitors.
        self._assignor = RoundRobinPartitionAssignor
        consumer = AIOKafkaConsumer(
            **settings.aiokafka_options(),
            client_id=conf.broker_client_id,
            group_id=settings.group_id(),
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            # A position out of range must be seen, not moved silently.
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=settings.fetch_wait_ms,
            max_partition_fetch_bytes=settings.max_chunk_bytes,
            # Whether a lane is alive is its supervisor's business: with a short interval a stall
            # of the cluster made the member leave the group for good.
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            session_timeout_ms=int(settings.session_timeout_seconds * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
        )
        pause_failed_refresh(consumer._client)
        return consumer

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> dict[TP, Fetched]:
        try:
            fetched = await super()._fetch_records(
                consumer, active_partitions, timeout=timeout, max_records=max_records
            )
        except OffsetOutOfRangeError as error:
            for tp, offset in error.args[0].items():
                await self._leave_out_of_range(consumer, ensure_TP(tp), offset)
            return {}
        if not fetched:
            return {}
        # No other task of this thread can run between the fetch and these stamps.
        assignment = consumer._subscription.subscription.assignment
        generation = consumer._coordinator.generation
        stamped = {}
        for aiokafka_tp, records in fetched.items():
            tp = ensure_TP(aiokafka_tp)
            next_offset = assignment.state_value(aiokafka_tp).position
            chunk = Chunk(records, self._next_offsets.get(tp), next_offset)
            self._next_offsets[tp] = next_offset
            stamped[tp] = Fetched(chunk, self._seek_counts.get(tp, 0), generation)
        return stamped

    async def seek_and_count(self, tp: TP, offset: int, seek_count: int) -> int:
        """Seek, and stamp what is fetched from now on with ``seek_count``.

        Returns where the log starts; fetching goes on from there if ``offset`` is below. Raises
        ``OffsetOutOfRangeError`` if ``offset`` is beyond the end.
        """
        return int(await self.call_thread(self._seek_and_count, tp, offset, seek_count))

    async def _seek_and_count(self, tp: TP, offset: int, seek_count: int) -> int:
        consumer = self._ensure_consumer()
        first = int((await consumer.beginning_offsets([tp]))[tp])
        end = int((await consumer.end_offsets([tp]))[tp])
        if offset > end:
            raise OffsetOutOfRangeError(
                f"{tp}: offset {offset} is beyond the log's end {end}: was the topic made anew?"
            )
        # Two of these may run side by side: a lane that gave up must not overtake its successor.
        if seek_count > self._seek_counts.get(tp, 0):
            consumer.seek(tp, max(offset, first))
            self._next_offsets[tp] = max(offset, first)
            self._seek_counts[tp] = seek_count
        return first

    async def _leave_out_of_range(self, consumer: Any, tp: TP, offset: int) -> None:
        """Go on from the log's start if retention took what comes before it.

        The next chunk then says that it was fetched from there, which its lane takes for the gap
        that it is. Beyond the end there is nothing to go on from: the fetch is tried again.
        """
        seek_count = self._seek_counts.get(tp)
        first = int((await consumer.beginning_offsets([tp]))[tp])
        if offset < first and self._seek_counts.get(tp) == seek_count:
            log.error("%s: offset %d is gone, the log starts at %d", tp, offset, first)
            consumer.seek(tp, first)
            self._next_offsets[tp] = first

    async def release_errors(self) -> str | None:
        """Free a parked coordinator; returns what is dead, or ``None``.

        aiokafka's coordinator waits after an unexpected error until somebody calls
        ``check_errors``, which Faust never does; without the rejoin it parks again at once.
        """
        if self._consumer is None or self._consumer._closed:
            return None
        coordinator = self._consumer._coordinator
        if self._consumer._fetcher._fetch_task.done():
            return "the fetcher's task has ended"
        if coordinator._coordination_task.done():
            return "the group coordinator's task has ended"
        try:
            coordinator.check_errors()
        except KafkaError as error:
            log.warning("group coordinator failed, joining again: %r", error)
            coordinator.request_rejoin()
        return None


class ChunkConsumer(FaustConsumer):
    """Yields one message per partition and fetch; its value is a ``Fetched``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _IgnoredOffsets()
        self._held: set[TP] = set()
        self._seek_counts: dict[TP, int] = {}
        self._released = asyncio.Event()
        self._unanswered = 0

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._held.difference_update(revoked)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._held.update(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    def _set_active_tps(self, tps: set[TP]) -> set[TP]:
        return super()._set_active_tps(set(tps) - self._held)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        super().resume_partitions(set(tps) - self._held)

    def hold(self, tp: TP) -> None:
        """Stop fetching ``tp`` until it is released."""
        self._held.add(tp)
        self.pause_partitions([tp])

    def release(self, tp: TP) -> None:
        self._held.discard(tp)
        self.resume_partitions([tp])
        self._released.set()

    async def seek_lane(self, tp: TP, offset: int) -> int:
        """Deliver ``tp`` from ``offset`` on, dropping what was fetched before.

        Returns the log's first offset. The partition stays held until it is released.
        """
        self.hold(tp)
        seek_count = self._seek_counts.get(tp, 0) + 1
        self._seek_counts[tp] = seek_count
        thread = cast(ChunkConsumerThread, self._thread)
        return await thread.seek_and_count(tp, offset, seek_count)

    def is_current(self, tp: TP, fetched: Fetched) -> bool:
        """Whether it was fetched under the latest seek and the present generation."""
        return (
            fetched.seek_count == self._seek_counts.get(tp, 0)
            and fetched.generation == self.app.consumer_generation_id
        )

    async def perform_seek(self) -> None:
        """Nothing: where to read from is said by the position in the state, not by the group."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109
        for tp, fetched in (await self._next_fetched(timeout)).items():
            if not self.flow_active:
                return
            if self.is_current(tp, fetched):
                yield tp, cast(Message, _to_message(tp, fetched))

    async def _next_fetched(self, timeout: float) -> Mapping[TP, Fetched]:  # noqa: ASYNC109
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        # A copy: the set is changed on this loop while the other thread looks at it.
        active = set(self._get_active_partitions())
        if not active or self.should_stop:
            await self._wait_released()
            return {}
        try:
            return cast(Mapping[TP, Fetched], await self._getmany(active, timeout))
        except ConsumerStoppedError:
            raise
        except KafkaError as error:
            log.warning("fetch failed, trying again: %r", error)
            await self.sleep(FETCH_PAUSE_SECONDS)
            return {}

    async def _wait_released(self) -> None:
        self._released.clear()
        try:
            await asyncio.wait_for(self._released.wait(), IDLE_SECONDS)
        except TimeoutError:
            return

    async def watch(self) -> str | None:
        """One round of the watchdog; returns what is dead, or ``None``.

        It does not go through the thread's queue of calls, which may be what is stuck.
        """
        thread = cast(ChunkConsumerThread, self._thread)
        if not thread.thread_loop.is_running():
            return None
        waiting = asyncio.run_coroutine_threadsafe(thread.release_errors(), thread.thread_loop)
        try:
            dead = await asyncio.wait_for(asyncio.wrap_future(waiting), WATCH_ANSWER_SECONDS)
        except TimeoutError:
            # Once is no proof: the whole process may have been frozen while it waited.
            self._unanswered += 1
            return "the consumer's thread does not answer" if self._unanswered > 1 else None
        self._unanswered = 0
        return dead


def _to_message(tp: TP, fetched: Fetched) -> ConsumerMessage:
    last = cast(Any, fetched.chunk.records[-1])
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        None,
        None,
        cast(bytes, fetched),
        None,
        None,
        None,
        tp,
        generation_id=fetched.generation,
    )


class ChunkTransport(FaustTransport):
    Consumer: ClassVar[type[ConsumerT]] = ChunkConsumer


class _NoFaustProducer(BootStrategy):
    # Nothing is sent through Faust: each lane has a transactional producer of its own.
    enable_kafka_producer = False


class ChunkApp(faust.App):
    """A Faust app on the chunk transport. Set ``kafka`` before it starts."""

    BootStrategy = _NoFaustProducer
    kafka: KafkaSettings

    def _new_transport(self) -> TransportT:
        return ChunkTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """None: Faust's tables, whose home they would be, are not used."""
