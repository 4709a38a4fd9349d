"""The Kafka worker on a real broker: everything once, whatever happens to the process."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.publisher import Publisher
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.worker import WorkerRefusedError, wait_for_topics
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
from tests.services.process import wait_until


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    topics.apply(settings)
    return settings


def publish(settings: KafkaSettings, first: int, count: int) -> Counter[bytes]:
    """Publish numbered events of a hundred customers; returns each value once."""
    sent = [b"event-%d" % number for number in range(first, first + count)]
    with Publisher(settings) as publisher:
        for number, value in enumerate(sent, start=first):
            publisher.send(b"customer-%d" % (number % 100), value)
    return Counter(sent)


def events_per_customer(count: int) -> dict[bytes, bytes]:
    counts = Counter(b"customer-%d" % (number % 100) for number in range(count))
    return {key: b"%d" % number for key, number in counts.items()}


def test_events_come_out_once_with_their_states(settings: KafkaSettings, tmp_path: Path) -> None:
    sent = publish(settings, 0, 2_000)
    with WorkerProcess(settings, tmp_path / "worker.log") as worker:
        worker.wait_running(PARTITIONS)
        assert values_seen(settings, 2_000) == sent
    assert states(settings) == events_per_customer(2_000)


def test_worker_ticks_every_partition_it_owns(settings: KafkaSettings, tmp_path: Path) -> None:
    with WorkerProcess(settings, tmp_path / "worker.log"):
        reader = Reader(settings, settings.topic(settings.source_topic))
        wait_until(
            lambda: {r.partition for r in reader.read()} == set(range(PARTITIONS)),
            seconds=20,
            what="a tick in every partition",
        )
        reader.close()
    assert {record.key for record in reader.records} == {None}


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["store-kept", "store-lost"])
def test_killed_worker_goes_on_without_loss_or_double(
    settings: KafkaSettings, tmp_path: Path, kept: bool
) -> None:
    data_dir = tmp_path / "data" if kept else None
    settings = toy_settings(settings.bootstrap, settings.prefix, data_dir=data_dir)
    sent: Counter[bytes] = Counter()
    for round_number in range(2):
        with WorkerProcess(settings, tmp_path / f"worker-{round_number}.log") as worker:
            worker.wait_running(PARTITIONS)
            sent += publish(settings, 4_000 * round_number, 4_000)
            # Killed once a part of it is visible: in the middle of some transaction.
            values_seen(settings, 4_000 * round_number + 500)
            worker.kill()
    with WorkerProcess(settings, tmp_path / "worker-last.log"):
        assert values_seen(settings, 8_000) == sent
    assert states(settings) == events_per_customer(8_000)


def test_oversized_output_becomes_a_dead_letter_and_loses_nothing(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "worker.log") as worker:
        worker.wait_running(PARTITIONS)
        sent = publish(settings, 0, 500)
        with Publisher(settings) as publisher:
            publisher.send(key_for(0), b"large")
        sent += publish(settings, 500, 500)
        assert values_seen(settings, 1_000) == sent
        reader = Reader(settings, settings.topic(settings.dead_letter_topic()))
        wait_until(lambda: bool(reader.read()), seconds=20, what="a dead letter")
        reader.close()
    assert [record.value for record in reader.records] == [b"large"]


@pytest.mark.slow
def test_frozen_worker_cannot_write_after_its_partitions_moved(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "zombie.log") as zombie:
        zombie.wait_running(PARTITIONS)
        sent = publish(settings, 0, 1_000)
        values_seen(settings, 1)
        zombie.process.send_signal(signal.SIGSTOP)
        with WorkerProcess(settings, tmp_path / "heir.log") as heir:
            heir.wait_running(PARTITIONS, seconds=30)  # after the zombie's session of 10 s
            sent += publish(settings, 1_000, 1_000)
            zombie.process.send_signal(signal.SIGCONT)
            sent += publish(settings, 2_000, 1_000)
            assert values_seen(settings, 3_000) == sent
            heir.wait_running(PARTITIONS // 2)
    assert states(settings) == events_per_customer(3_000)


@pytest.mark.slow
def test_second_worker_takes_half_and_gives_it_back(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "first.log") as first:
        first.wait_running(PARTITIONS)
        sent = publish(settings, 0, 2_000)
        with WorkerProcess(settings, tmp_path / "second.log") as second:
            sent += publish(settings, 2_000, 2_000)
            second.wait_running(PARTITIONS // 2)
            first.wait_running(PARTITIONS // 2)
            sent += publish(settings, 4_000, 2_000)
            assert second.terminate() == 0
        sent += publish(settings, 6_000, 2_000)
        first.wait_running(PARTITIONS)
        assert values_seen(settings, 8_000) == sent
    assert states(settings) == events_per_customer(8_000)


def test_sigterm_under_load_ends_with_zero_and_gives_partitions_up(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "first.log") as first:
        first.wait_running(PARTITIONS)
        sent = publish(settings, 0, 5_000)
        assert first.terminate() == 0, first.log()
    with WorkerProcess(settings, tmp_path / "second.log") as second:
        # It left the group: nobody waits for a session of 10 s to end.
        second.wait_running(PARTITIONS, seconds=8)
        assert values_seen(settings, 5_000) == sent


@pytest.mark.slow
def test_sigterm_without_a_broker_ends_with_zero_in_bounded_time(
    broker: Broker, settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "worker.log") as worker:
        worker.wait_running(PARTITIONS)
        broker.pause()
        try:
            assert worker.terminate(seconds=settings.hard_exit_seconds + 3) == 0
        finally:
            broker.resume()


@pytest.mark.slow
def test_worker_outlives_its_broker(
    broker: Broker, settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "worker.log") as worker:
        worker.wait_running(PARTITIONS)
        sent = publish(settings, 0, 3_000)
        values_seen(settings, 1)
        broker.kill()
        wait_until(
            lambda: "Unable connect to node" in worker.log(), seconds=15, what="an outage noticed"
        )
        broker.start()
        sent += publish(settings, 3_000, 3_000)
        assert values_seen(settings, 6_000, seconds=30) == sent
        assert worker.process.poll() is None
    assert states(settings) == events_per_customer(6_000)


def delete_before(settings: KafkaSettings, partition: int, offset: int) -> None:
    """What retention does: the log of the source then starts at ``offset``."""
    admin = KafkaAdminClient(**settings.kafka_python_options())
    try:
        source = TopicPartition(settings.topic(settings.source_topic), partition)
        admin.delete_records({source: offset})
    finally:
        admin.close()


def publish_to(settings: KafkaSettings, partition: int, values: list[bytes]) -> None:
    with Publisher(settings) as publisher:
        for value in values:
            publisher.send(key_for(partition), value)


def test_new_worker_begins_where_the_log_begins(settings: KafkaSettings, tmp_path: Path) -> None:
    publish_to(settings, 0, [b"%d" % number for number in range(20)])
    delete_before(settings, 0, 15)
    with WorkerProcess(settings, tmp_path / "worker.log"):
        assert values_seen(settings, 5) == Counter(b"%d" % number for number in range(15, 20))


def test_records_deleted_before_they_were_processed_stop_their_lane_alone(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    with WorkerProcess(settings, tmp_path / "first.log") as first:
        publish_to(settings, 0, [b"processed"])
        values_seen(settings, 1)
        assert first.terminate() == 0
    publish_to(settings, 0, [b"%d" % number for number in range(100)])
    delete_before(settings, 0, 90)
    with WorkerProcess(settings, tmp_path / "second.log") as second:
        publish_to(settings, 1, [b"elsewhere"])
        assert values_seen(settings, 2) == Counter([b"processed", b"elsewhere"])
        wait_until(lambda: "lane 0: gap" in second.log(), seconds=20, what="a gap told")
        assert "missing" in second.log()


@pytest.mark.slow
def test_worker_waits_for_a_broker(broker: Broker, settings: KafkaSettings, tmp_path: Path) -> None:
    sent = publish(settings, 0, 10)
    broker.stop()
    with WorkerProcess(settings, tmp_path / "worker.log") as worker:
        wait_until(
            lambda: "waiting for a broker" in worker.log(), seconds=15, what="a waiting worker"
        )
        broker.start()
        worker.wait_running(PARTITIONS, seconds=30)
        assert values_seen(settings, 10) == sent


def test_worker_refuses_missing_and_unequal_topics(broker: Broker, topic_prefix: str) -> None:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    with pytest.raises(WorkerRefusedError, match="does not exist: run `touchpoint topics apply`"):
        wait_for_topics(settings)
    topics.apply(settings)
    wait_for_topics(settings)
    with pytest.raises(WorkerRefusedError, match="has 4 partitions, the pipeline is set to 6"):
        wait_for_topics(toy_settings(broker.bootstrap, topic_prefix, partitions=6))


def test_worker_says_which_broker_did_not_answer() -> None:
    nobody = KafkaSettings(bootstrap="127.0.0.1:9", broker_wait_seconds=0.0)
    with pytest.raises(WorkerRefusedError, match=r"no broker answered at 127\.0\.0\.1:9"):
        wait_for_topics(nobody)
