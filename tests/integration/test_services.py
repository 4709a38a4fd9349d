"""The services the other tests stand on do what their fixtures promise."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from tests.services.kafka import Broker, Cluster
from tests.services.postgres import LocalPostgres
from tests.services.process import ServiceFailedError, ServiceProcess, wait_until


def _create_topic(bootstrap: str, topic: str, *, replication: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        admin.create_topics(
            {topic: {"num_partitions": 1, "replication_factor": replication}},
            wait_for_metadata=True,
        )
    finally:
        admin.close()


def _send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all")
    try:
        producer.send(topic, value, key=b"k").get(timeout=30)
    finally:
        producer.close()


def _read(bootstrap: str, topic: str, *, count: int) -> list[bytes]:
    """The first ``count`` values of the topic, or fewer if none came for 30 seconds."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap.split(","),
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
    )
    try:
        return [record.value for _, record in zip(range(count), consumer, strict=False)]
    finally:
        consumer.close()


def test_a_record_sent_to_the_broker_comes_back(broker: Broker, topic_prefix: str) -> None:
    topic = topic_prefix + "echo"
    _create_topic(broker.bootstrap, topic, replication=1)
    _send(broker.bootstrap, topic, b"hello")
    assert _read(broker.bootstrap, topic, count=1) == [b"hello"]


def test_a_restarted_broker_keeps_its_records(broker: Broker, topic_prefix: str) -> None:
    topic = topic_prefix + "kept"
    _create_topic(broker.bootstrap, topic, replication=1)
    _send(broker.bootstrap, topic, b"before")
    broker.restart()
    _send(broker.bootstrap, topic, b"after")
    assert _read(broker.bootstrap, topic, count=2) == [b"before", b"after"]


@pytest.mark.slow
def test_three_brokers_take_records_while_one_is_down(cluster: Cluster, topic_prefix: str) -> None:
    topic = topic_prefix + "copies"
    _create_topic(cluster.bootstrap, topic, replication=3)
    cluster.brokers[0].kill()
    _send(cluster.bootstrap, topic, b"hello")
    assert _read(cluster.bootstrap, topic, count=1) == [b"hello"]


def test_each_test_gets_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        tables = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
    assert tables == (0,)


def test_a_crashed_database_keeps_what_was_committed(
    postgres: LocalPostgres, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    lost = psycopg.connect(postgres_url)
    lost.execute("INSERT INTO kept VALUES (2)")
    postgres.crash()
    with pytest.raises(psycopg.OperationalError):
        lost.commit()
    lost.close()
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_a_service_that_ends_at_once_shows_its_last_words(tmp_path: Path) -> None:
    process = ServiceProcess(["/bin/sh", "-c", "echo no disk; exit 3"], log=tmp_path / "log")
    process.start()
    with pytest.raises(ServiceFailedError, match="no disk"):
        process.wait_ready(lambda: False, seconds=10, what="never ready")
    process.stop()


def test_a_frozen_service_can_be_stopped(tmp_path: Path) -> None:
    process = ServiceProcess(["sleep", "600"], log=tmp_path / "log")
    process.start()
    process.pause()
    process.stop()
    assert not process.running


def test_a_service_does_not_outlive_tests_that_were_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.services.process import ServiceProcess\n"
        "service = ServiceProcess(['sleep', '600'], log=Path(sys.argv[1]))\n"
        "service.start(); print(service.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        service = int(parent.stdout.readline())
        assert _exists(service)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not _exists(service), seconds=10, what="the orphan ends")


def _exists(pid: int) -> bool:
    """Whether the process runs; one that ended but that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
