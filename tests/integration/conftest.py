"""Dispatch on a real broker: a receiver, what it was told of, and a worker that sends to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.settings import KafkaSettings
from tests.integration.dispatch_process import PARTITIONS, DispatchProcess, Ledger, channels_file
from tests.services.kafka import Broker
from tests.services.receiver import Receiver


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = KafkaSettings(
        bootstrap=broker.bootstrap,
        prefix=topic_prefix,
        partitions=PARTITIONS,
        replication=1,
        session_timeout_seconds=6.0,
        heartbeat_seconds=1.0,
    )
    topics.apply(settings)
    return settings


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def ledger(settings: KafkaSettings) -> Iterator[Ledger]:
    ledger = Ledger(settings)
    yield ledger
    ledger.close()


@pytest.fixture
def worker(
    settings: KafkaSettings, receiver: Receiver, tmp_path: Path
) -> Iterator[DispatchProcess]:
    channels = channels_file(tmp_path, receiver.url)
    worker = DispatchProcess(settings, channels, tmp_path / "dispatch.log")
    worker.start()
    yield worker
    print(worker.log_tail())
    worker.kill()
