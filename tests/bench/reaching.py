"""From a transaction to its alert at a receiver: ``python -m tests.bench.reaching``.

Both stages that an alert passes run as processes on a real broker, perceive and dispatch, and the
alert goes out as a signed webhook to a receiver in this process. Its peer in the same run is the
time until the alert is visible to a read-committed reader of the topic.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.clients import make_producer
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.topics import ACTIONS
from tests.bench.engine import JVM_OPTIONS
from tests.chaos.care_town import CHANNELS, StageProcess
from tests.services.kafka import Cluster
from tests.services.receiver import Receiver

START_SECONDS: Final = 90.0
LAST_SECONDS: Final = 20.0


class _Alert(msgspec.Struct):
    id: str
    cause: dict[str, str]


def transaction(name: str, customer: str) -> bytes:
    """A purchase made just now."""
    event = {
        "specversion": "1.0",
        "id": name,
        "source": "urn:bench",
        "type": "touchpoint.transaction.completed.v1",
        "subject": customer,
        "time": datetime.now(UTC).isoformat(),
        "data": {"amount": 12.5, "currency": "EUR", "merchant": "Corner Bookshop"},
    }
    return json.dumps(event).encode()


async def measure(
    settings: KafkaSettings, receiver: Receiver, *, count: int, warm_up: int, per_second: float
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """By event: when it was sent, when its alert was visible and when it was received."""
    sent: dict[str, float] = {}
    visible: dict[str, tuple[str, float]] = {}
    reading = asyncio.create_task(_read(settings, visible))
    producer = make_producer(settings, enable_idempotence=True)
    await producer.start()
    topic = settings.topic(settings.source_topic)

    async def send(name: str) -> None:
        customer = f"c-{sum(name.encode()) % 997}"
        key = customer.encode()
        value = transaction(name, customer)
        partition = key_partition(key, settings.partitions)
        await producer.send(topic, value, key=key, partition=partition)

    try:
        await send("probe")
        await _until(lambda: bool(receiver.acted), START_SECONDS)
        began = time.time()
        for number in range(warm_up + count):
            ahead = began + number / per_second - time.time()
            if ahead > 0:
                await asyncio.sleep(ahead)
            name = f"e-{number}"
            if number >= warm_up:
                sent[name] = time.time()
            await send(name)
        await _until(lambda: len(receiver.acted) > warm_up + count, LAST_SECONDS)
    finally:
        await producer.stop()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    seen = {event: at for event, (_, at) in visible.items()}
    received = {
        event: receiver.acted[action].at
        for event, (action, _) in visible.items()
        if action in receiver.acted
    }
    return sent, seen, received


async def _read(settings: KafkaSettings, visible: dict[str, tuple[str, float]]) -> None:
    consumer: Any = AIOKafkaConsumer(
        **settings.aiokafka_options(),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        consumer.assign(
            [TopicPartition(settings.topic(ACTIONS), p) for p in range(settings.partitions)]
        )
        decode = msgspec.json.Decoder(_Alert).decode
        while True:
            fetched = await consumer.getmany(timeout_ms=1_000)
            now = time.time()
            for records in fetched.values():
                for record in records:
                    alert = decode(record.value)
                    visible.setdefault(alert.cause["event"], (alert.id, now))
    finally:
        await consumer.stop()


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - it has an end
        await asyncio.sleep(0.05)


def summary(sent: Mapping[str, float], seen: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds from sending to seeing, and how many never were."""
    took = sorted(1_000 * (seen[name] - at) for name, at in sent.items() if name in seen)
    if not took:
        raise RuntimeError("nothing arrived")
    shares = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99}
    found = {name: round(took[int(len(took) * share)], 1) for name, share in shares.items()}
    return {**found, "alerts": len(took), "missing": len(sent) - len(took)}


def main() -> None:
    """Parse the command line, start everything, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reaching", description=__doc__)
    parser.add_argument("--per-second", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--partitions",
        type=int,
        default=1,
        help="each has transactions of its own, all of which share this machine with the broker",
    )
    parser.add_argument(
        "--warm-up-seconds",
        type=float,
        default=60.0,
        help="of the same load before anything counts: a broker's compiler is busy that long",
    )
    given = parser.parse_args()
    count, warm_up = (
        int(given.per_second * seconds) for seconds in (given.seconds, given.warm_up_seconds)
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchpoint-bench-")))
        cluster = stack.enter_context(Cluster(1, jvm_options=JVM_OPTIONS))
        receiver = stack.enter_context(Receiver())
        settings = KafkaSettings(
            bootstrap=cluster.bootstrap, prefix="bench.", partitions=given.partitions, replication=1
        )
        topics.apply(settings)
        policy = Path(__file__).parents[2] / "deploy/policies/default.yaml"
        (folder / "policy.yaml").write_text(policy.read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "channels.yaml").write_text(CHANNELS.format(url=receiver.url))
        for stage in ("perceive", "dispatch"):
            process = StageProcess(stage, settings, folder, 1)
            stack.callback(process.kill)
            process.start()
        measured = asyncio.run(
            measure(settings, receiver, count=count, warm_up=warm_up, per_second=given.per_second)
        )
    sent, seen, received = measured
    result = {
        "at_the_receiver": summary(sent, received),
        "visible_on_the_topic": summary(sent, seen),
        "per_second": given.per_second,
        "partitions": given.partitions,
        "load_average": os.getloadavg(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
