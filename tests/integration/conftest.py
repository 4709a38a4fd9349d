"""Dispatch on a real broker: a receiver, what it was told of, and a worker that sends to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.adapters.kafka.settings import KafkaSettings
from tests.integration.dispatch_process import DispatchProcess, Ledger, channels_file, settings_on
from tests.services.kafka import Broker
from tests.services.receiver import Receiver


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    return settings_on(broker, topic_prefix)


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
