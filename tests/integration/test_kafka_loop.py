"""Records that a stage sends back into its source topic on a real broker: each once.

They are written in transactions, whose markers and aborted records take offsets of the source
that no reader is given. Such a hole must not be taken for a loss.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.publisher import Publisher
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.unit_of_work import KafkaUnitOfWork
from pipeline.engine.ports import Output, Position
from schemas.topics import EVENTS
from tests.integration.kafka_toy import (
    PARTITIONS,
    Reader,
    WorkerProcess,
    key_for,
    states,
    toy_settings,
    values_seen,
)
from tests.services.kafka import Broker

CUSTOMERS = 40
LIMIT_SECONDS = 30.0


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    topics.apply(settings)
    return settings


def customer(number: int) -> bytes:
    return b"customer-%d" % (number % CUSTOMERS)


class Expected:
    """Publishes events that go by three customers, and knows what has to come of them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self.values: Counter[bytes] = Counter()
        self._counts: Counter[bytes] = Counter()

    def publish(self, first: int, count: int) -> None:
        with Publisher(self._settings) as publisher:
            for number in range(first, first + count):
                a, b, c = (customer(number * step) for step in (1, 3, 7))
                event = b"event-%d" % number
                publisher.send(a, b">".join([event, b, c]))
                self.values.update([b">".join([event, b, c]), b">".join([event, c]), event])
                self._counts.update([a, b, c])

    @property
    def states(self) -> dict[bytes, bytes]:
        return {key: b"%d" % count for key, count in self._counts.items()}

    def assert_seen(self) -> None:
        assert values_seen(self._settings, self.values.total(), seconds=30) == self.values
        assert states(self._settings) == self.states


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, LIMIT_SECONDS))


def abort_in_every_partition(settings: KafkaSettings) -> None:
    """Leave aborted records and their markers in the source, as a writer that died would."""

    async def work() -> None:
        unit = KafkaUnitOfWork(replace(settings, app_id="another"), "perceive", 0)
        await unit.open()
        await unit.begin()
        outputs = [
            Output(EVENTS, key_for(partition), b"aborted>customer-0")
            for partition in range(PARTITIONS)
            for _ in range(20)
        ]
        await unit.send(outputs, {}, Position(1))
        await asyncio.gather(*unit._sent)  # written, or there would be nothing to abort
        await unit.close()

    other = replace(settings, app_id="another")
    topics.apply(other)
    run(work())


def offsets_left_out(settings: KafkaSettings) -> dict[int, int]:
    """By partition, how many offsets of the source are no record up to its last record."""
    reader = Reader(settings, settings.topic(settings.source_topic))
    try:
        counts = Counter(record.partition for record in reader.read())
        last = {record.partition: record.offset for record in reader.records}
    finally:
        reader.close()
    return {partition: last[partition] + 1 - counts[partition] for partition in last}


def lane_troubles(worker: WorkerProcess) -> list[str]:
    """What lanes told of failures and gaps."""
    told = [line for line in worker.log().splitlines() if line.startswith("lane ")]
    return [line for line in told if " failed: " in line or ": gap" in line]


def test_looped_records_lie_where_their_key_belongs_once_committed(
    settings: KafkaSettings,
) -> None:
    sent = [(customer(number), b"looped-%d" % number) for number in range(CUSTOMERS)]
    outputs = [Output(EVENTS, key, value) for key, value in sent]

    async def work() -> None:
        unit = KafkaUnitOfWork(settings, "perceive", 2)
        await unit.open()
        await unit.begin()
        await unit.send(outputs, {}, Position(1))
        assert read() == []
        await unit.commit()
        await unit.close()

    def read() -> list[Any]:
        reader = Reader(settings, settings.topic(EVENTS))
        try:
            return reader.read()
        finally:
            reader.close()

    run(work())
    records = read()
    assert sorted((r.key, r.value) for r in records) == sorted(sent)
    assert all(r.partition == key_partition(r.key, PARTITIONS) for r in records)
    assert {r.partition for r in records} == set(range(PARTITIONS))
    # A publisher's records of the same keys go to the same places.
    with Publisher(settings) as publisher:
        for key, value in sent:
            publisher.send(key, value)
    placed = Counter((r.partition, r.key) for r in read())
    assert set(placed.values()) == {2}


def test_loops_across_partitions_are_processed_once_around_aborted_records(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    expected = Expected(settings)
    with WorkerProcess(settings, tmp_path / "first.log") as first:
        first.wait_running(PARTITIONS)
        expected.publish(0, 300)
        expected.assert_seen()
        abort_in_every_partition(settings)  # while it stands right before them
        expected.publish(300, 300)
        expected.assert_seen()
        assert first.terminate() == 0
    abort_in_every_partition(settings)  # while it is away: the log's last records
    with WorkerProcess(settings, tmp_path / "second.log") as second:
        second.wait_running(PARTITIONS)
        expected.publish(600, 300)
        expected.assert_seen()
        assert second.terminate() == 0
    assert min(offsets_left_out(settings).values()) > 2 * 20
    assert lane_troubles(first) == lane_troubles(second) == []


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["store-kept", "store-lost"])
def test_worker_killed_among_loops_leaves_each_once(
    settings: KafkaSettings, tmp_path: Path, kept: bool
) -> None:
    settings = replace(settings, data_dir=tmp_path / "data" if kept else None)
    expected = Expected(settings)
    for number in range(3):
        with WorkerProcess(settings, tmp_path / f"worker-{number}.log") as worker:
            worker.wait_running(PARTITIONS)
            expected.publish(2_000 * number, 2_000)
            # Killed once a part of it is visible: in the middle of some transaction.
            values_seen(settings, 6_000 * number + 200)
            worker.kill()
    with WorkerProcess(settings, tmp_path / "worker-last.log") as worker:
        expected.assert_seen()
        assert lane_troubles(worker) == []
