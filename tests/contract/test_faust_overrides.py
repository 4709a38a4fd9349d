"""What the Kafka adapter leans on inside Faust and aiokafka is still what it was written against.

The adapter overrides and calls internals that no version promises to keep. Each one's source is
held here by its digest: if a digest differs, read what the function does now, see whether the
adapter still stands, and only then write the new digest down.
"""

import asyncio
import hashlib
import importlib
import inspect
import logging
from asyncio.log import logger as asyncio_logger
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from faust.types import TP

from pipeline.adapters.kafka.clients import LIMITED_LOGGERS, RateLimit, limit_client_logs
from pipeline.adapters.kafka.intake import LaneIntake
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.transport import (
    ChunkApp,
    ChunkConsumer,
    ChunkTransport,
    Fetched,
)
from pipeline.adapters.kafka.worker import make_app
from pipeline.engine.chunk import Chunk
from pipeline.engine.ports import LogRecord

DIGESTS = {
    "faust.app.base:App._new_transport": "42db5313",
    "faust.app.base:App._on_partitions_revoked": "d5c895bb",
    "faust.app.base:App._on_partitions_assigned": "de932b79",
    "faust.app.base:App.on_stop": "bfe5a933",
    "faust.app.base:App._stop_consumer": "55854a5d",
    "faust.tables.recovery:Recovery._resume_streams": "d986a671",
    "faust.transport.consumer:Consumer._drain_messages": "44a25003",
    "faust.transport.consumer:Consumer.getmany": "4b168d84",
    "faust.transport.consumer:Consumer._wait_next_records": "6218e196",
    "faust.transport.consumer:Consumer._set_active_tps": "401f4dc8",
    "faust.transport.consumer:Consumer.pause_partitions": "27a1c94b",
    "faust.transport.consumer:Consumer.resume_partitions": "afe6b7c0",
    "faust.transport.consumer:Consumer.perform_seek": "0e8c130f",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "d04b7ae7",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "29ce9659",
    "faust.transport.consumer:ThreadDelegateConsumer._getmany": "f9d47aa9",
    "faust.transport.drivers.aiokafka:ConsumerRebalanceListener": "f3d04f29",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records": "39a2c6c7",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.getmany": "26fc5fc9",
    "faust.worker:Worker._on_sigterm": "ba99cf23",
    "mode.worker:Worker._stop_on_signal": "beff8fab",
    "mode.worker:Worker.execute_from_commandline": "212e98f6",
    "aiokafka.client:AIOKafkaClient._metadata_update": "06dc51ed",
    "aiokafka.client:AIOKafkaClient._md_synchronizer": "e0421bff",
    "aiokafka.client:AIOKafkaClient.close": "02119d4d",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.seek": "a9430f1f",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.position": "2512259a",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "be434889",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.check_errors": "ba6ca51a",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.request_rejoin": "f70a261c",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._push_error_to_user": "743ff515",
    "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch": "5ed1c5b1",
    "aiokafka.producer.message_accumulator:MessageAccumulator.fail_all": "f1e12e81",
    "aiokafka.producer.producer:AIOKafkaProducer.send_batch": "bf42b0f0",
    "aiokafka.producer.producer:AIOKafkaProducer.commit_transaction": "c7f9677c",
    "aiokafka.producer.sender:Sender._sender_routine": "2380dc5e",
    "aiokafka.producer.sender:Sender._do_txn_commit": "8263eaeb",
    "aiokafka.producer.sender:AddPartitionsToTxnHandler.handle_response": "67266db2",
    "aiokafka.producer.transaction_manager:TransactionManager.is_in_transaction": "29bec6de",
}

SOURCE = TP("touchpoint.event.v1", 0)
OTHER = TP("touchpoint.event.v1", 1)


def digest(name: str) -> str:
    """The first digits of the digest of the source of ``module:Class.function``."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    found = inspect.unwrap(found)
    source = inspect.getsource(found)
    return hashlib.sha256(source.encode()).hexdigest()[:8]


@pytest.mark.parametrize("name", DIGESTS)
def test_internal_is_what_the_adapter_was_written_against(name: str) -> None:
    assert digest(name) == DIGESTS[name], (
        f"{name} changed in faust {faust.__version__} or aiokafka {aiokafka.__version__}: "
        "read it, check pipeline/adapters/kafka against it, then write the new digest down"
    )


def test_installed_versions_are_the_ones_looked_at() -> None:
    assert faust.__version__.startswith("0.15.")
    assert aiokafka.__version__.startswith("0.14.")


def on_consumer(work: Callable[[ChunkConsumer], Any]) -> None:
    """Run ``work`` with a consumer that was never started, inside a loop."""

    async def main() -> None:
        app = make_app(KafkaSettings())

        async def callback(message: object) -> None: ...

        consumer = app.transport.create_consumer(
            callback,
            on_partitions_revoked=callback,
            on_partitions_assigned=callback,
        )
        assert isinstance(consumer, ChunkConsumer)
        try:
            await work(consumer)
        finally:
            consumer._thread.thread_loop.close()  # its own, made for a thread that never ran

    asyncio.run(main())


def fetched(consumer: ChunkConsumer, *, seek_count: int = 0, generation: int = 0) -> Fetched:
    chunk = Chunk([_Record(5, None, b"a"), _Record(6, None, b"b")], 5, 7)
    return Fetched(chunk, seek_count, generation)


class _Record(LogRecord, frozen=True):
    timestamp_type: int = 0


def answering(consumer: ChunkConsumer, answer: Callable[[], Any]) -> list[set[TP]]:
    """Let the consumer's thread answer fetches with ``answer``; returns what was asked for."""
    asked: list[set[TP]] = []

    async def getmany(active_partitions: set[TP], timeout: float) -> Any:  # noqa: ASYNC109
        asked.append(active_partitions)
        return answer()

    consumer._getmany = getmany  # type: ignore[method-assign, assignment]
    return asked


async def drain(consumer: ChunkConsumer) -> list[tuple[TP, Any]]:
    return [item async for item in consumer.getmany(timeout=0.1)]


def test_app_uses_the_chunk_transport_and_no_producer_of_its_own() -> None:
    app = make_app(KafkaSettings(prefix="town."))
    assert isinstance(app, ChunkApp)
    assert isinstance(app.transport, ChunkTransport)
    assert app.transport.Consumer is ChunkConsumer
    assert app.conf.id == "town.touchpoint"
    assert app.conf.broker_max_poll_interval == 1_000
    assert not app.conf.web_enabled
    assert app.boot_strategy.enable_kafka_producer is False


def test_fetch_yields_one_message_per_partition() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        answering(consumer, lambda: {SOURCE: fetched(consumer), OTHER: fetched(consumer)})
        consumer._set_active_tps({SOURCE, OTHER})
        messages = await drain(consumer)
        assert [tp for tp, _ in messages] == [SOURCE, OTHER]
        message = messages[0][1]
        assert (message.tp, message.offset, message.value) == (SOURCE, 6, fetched(consumer))

    on_consumer(work)


def test_chunks_of_an_older_seek_or_generation_are_dropped() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        consumer._set_active_tps({SOURCE})
        answering(consumer, lambda: {SOURCE: fetched(consumer, seek_count=1)})
        assert await drain(consumer) == []
        answering(consumer, lambda: {SOURCE: fetched(consumer, generation=-1)})
        assert await drain(consumer) == []
        answering(consumer, lambda: {SOURCE: fetched(consumer)})
        assert len(await drain(consumer)) == 1

    on_consumer(work)


def test_fetch_that_fails_is_no_end() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        def fail() -> None:
            raise KafkaError("nobody there")

        consumer._set_active_tps({SOURCE})
        answering(consumer, fail)
        assert await drain(consumer) == []

    on_consumer(work)


def test_partition_is_fetched_only_after_its_lane_has_sought() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        sought = []

        async def seek_and_count(tp: TP, offset: int, seek_count: int) -> int:
            sought.append((tp, offset, seek_count))
            return 3

        consumer._thread.seek_and_count = seek_and_count  # type: ignore[attr-defined]
        consumer._held.update({SOURCE, OTHER})  # as on assignment
        consumer._set_active_tps({SOURCE, OTHER})
        assert consumer._get_active_partitions() == set()
        consumer.resume_partitions({SOURCE, OTHER})  # as Faust does when it is ready
        assert consumer._get_active_partitions() == set()
        intake = LaneIntake(consumer, SOURCE)
        intake.resume()
        assert consumer._get_active_partitions() == set()
        assert await intake.seek(40) == 3
        assert sought == [(SOURCE, 40, 1)]
        assert consumer._get_active_partitions() == {SOURCE}
        intake.pause()
        assert consumer._get_active_partitions() == set()
        intake.resume()
        assert consumer._get_active_partitions() == {SOURCE}

    on_consumer(work)


class _Log:
    """An aiokafka consumer as far as seeking touches it: its log holds offsets 10 to 99."""

    def __init__(self) -> None:
        self.sought: list[int] = []

    async def beginning_offsets(self, tps: list[TP]) -> dict[TP, int]:
        return dict.fromkeys(tps, 10)

    async def end_offsets(self, tps: list[TP]) -> dict[TP, int]:
        return dict.fromkeys(tps, 100)

    def seek(self, tp: TP, offset: int) -> None:
        self.sought.append(offset)


def test_seek_stays_within_the_log_and_an_overtaken_one_is_ignored() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        thread: Any = consumer._thread
        thread._consumer = log = _Log()
        assert await thread._seek_and_count(SOURCE, 50, 2) == 10
        assert await thread._seek_and_count(SOURCE, 20, 1) == 10  # of a lane that gave up
        assert await thread._seek_and_count(SOURCE, 3, 3) == 10  # retention took what is below
        assert log.sought == [50, 10]
        with pytest.raises(OffsetOutOfRangeError, match="beyond the log's end 100"):
            await thread._seek_and_count(SOURCE, 101, 4)
        thread._consumer = None

    on_consumer(work)


def test_lane_that_gave_its_partition_up_steers_nothing() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        consumer._set_active_tps({SOURCE})
        intake = LaneIntake(consumer, SOURCE)
        intake.detach()
        intake.pause()
        assert await intake.seek(1) is None
        assert consumer._get_active_partitions() == {SOURCE}

    on_consumer(work)


def test_faust_neither_judges_nor_seeks_offsets() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        consumer._read_offset[SOURCE] = 100
        assert consumer._read_offset[SOURCE] is None
        await consumer.perform_seek()  # would need a broker if it did anything

    on_consumer(work)


def test_paused_consumer_wakes_as_soon_as_a_partition_is_released() -> None:
    async def work(consumer: ChunkConsumer) -> None:
        asked = answering(consumer, dict)
        consumer._set_active_tps({SOURCE})
        consumer.hold(SOURCE)
        waiting = asyncio.create_task(drain(consumer))
        await asyncio.sleep(0)
        consumer.release(SOURCE)
        await asyncio.wait_for(waiting, 0.5)  # half of what an idle round takes
        await drain(consumer)
        assert asked == [{SOURCE}]

    on_consumer(work)


class _Coordinator:
    """A group coordinator as far as the watchdog touches it; parked on ``error``."""

    def __init__(self, task: "asyncio.Future[None]", error: Exception | None = None) -> None:
        self._coordination_task = task
        self._error = error
        self.joins = 0

    def check_errors(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def request_rejoin(self) -> None:
        self.joins += 1


def release(
    coordinator_task_done: bool, fetch_task_done: bool, error: Exception | None
) -> tuple[str | None, int]:
    """One look of the watchdog; returns what it found dead and how often it had to join again."""
    result: list[tuple[str | None, int]] = []

    async def work(consumer: ChunkConsumer) -> None:
        loop = asyncio.get_running_loop()
        coordination, fetching = loop.create_future(), loop.create_future()
        if coordinator_task_done:
            coordination.set_result(None)
        if fetch_task_done:
            fetching.set_result(None)
        coordinator = _Coordinator(coordination, error)
        thread: Any = consumer._thread
        thread._consumer = SimpleNamespace(
            _closed=False,
            _coordinator=coordinator,
            _fetcher=SimpleNamespace(_fetch_task=fetching),
        )
        result.append((await thread.release_errors(), coordinator.joins))

    on_consumer(work)
    return result[0]


def test_parked_coordinator_is_released_and_joins_again() -> None:
    assert release(False, False, KafkaError("parked")) == (None, 1)


def test_healthy_coordinator_is_left_alone() -> None:
    assert release(False, False, None) == (None, 0)


def test_dead_tasks_of_the_consumer_are_named() -> None:
    assert release(False, True, None) == ("the fetcher's task has ended", 0)
    assert release(True, False, None) == ("the group coordinator's task has ended", 0)


def test_limited_loggers_are_the_ones_the_clients_use() -> None:
    modules = [
        "aiokafka.client" if name == "aiokafka" else name  # the one that names it differently
        for name in LIMITED_LOGGERS
        if name != "asyncio"
    ]
    assert asyncio_logger.name == "asyncio"
    found = [importlib.import_module(name).log.name for name in modules]
    assert sorted([*found, "asyncio"]) == sorted(LIMITED_LOGGERS)
    limit_client_logs()
    limit_client_logs()
    for name in LIMITED_LOGGERS:
        filters = logging.getLogger(name).filters
        assert sum(isinstance(present, RateLimit) for present in filters) == 1


def test_rate_limit_lets_each_message_through_a_few_times() -> None:
    limit = RateLimit(per_minute=2)

    def passes(message: str) -> bool:
        return limit.filter(logging.LogRecord("x", logging.INFO, "", 0, message, (), None))

    assert [passes("a %s") for _ in range(3)] == [True, True, False]
    assert passes("b")
