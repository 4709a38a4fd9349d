"""Measures, at a steady pace, the time from publishing an event to seeing its alert."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from pipeline.adapters.kafka.clients import make_producer
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.topics import ACTIONS
from tests.bench.events import Sent

WARM_UP_SHARE: Final = 0.25
"""The first part of the events only warms processes up and is not counted."""

SETTLE_SECONDS: Final = 90.0
LAST_ALERT_SECONDS: Final = 10.0
TRANSACTION: Final = "touchpoint.transaction.completed.v1"


class Latency(NamedTuple):
    """Milliseconds from just before an event is sent to its alert being read, committed."""

    alerts: int
    missing: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class _Event(msgspec.Struct):
    id: str
    type: str


_decode_event = msgspec.json.Decoder(_Event).decode


class _Cause(msgspec.Struct):
    event: str


class _Alert(msgspec.Struct):
    cause: _Cause


class _Reader:
    """Reads alerts as they become visible and remembers when each was."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.seen_s: dict[str, float] = {}
        self._settings = settings

    async def run(self, ready: asyncio.Event) -> None:
        settings = self._settings
        consumer: Any = AIOKafkaConsumer(
            **settings.aiokafka_options(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,  # answered as soon as there is a byte
        )
        await consumer.start()
        try:
            topic = settings.topic(ACTIONS)
            consumer.assign([TopicPartition(topic, p) for p in range(settings.partitions)])
            decode = msgspec.json.Decoder(_Alert).decode
            ready.set()
            while True:
                fetched = await consumer.getmany(timeout_ms=1_000)
                now = time.monotonic()
                for records in fetched.values():
                    for record in records:
                        self.seen_s.setdefault(decode(record.value).cause.event, now)
        finally:
            await consumer.stop()


def measure(
    settings: KafkaSettings,
    events: Sequence[Sent],
    *,
    per_second: float,
    alive: Callable[[], bool],
) -> Latency:
    """Send ``events`` at ``per_second`` to a contender that works already, and wait for alerts.

    Raises ``RuntimeError`` if the contender ends or no first alert comes.
    """
    return asyncio.run(_measure(settings, events, per_second, alive))


async def _measure(
    settings: KafkaSettings, events: Sequence[Sent], per_second: float, alive: Callable[[], bool]
) -> Latency:
    reader, ready = _Reader(settings), asyncio.Event()
    reading = asyncio.create_task(reader.run(ready))
    producer = make_producer(settings, enable_idempotence=True)
    await producer.start()
    try:
        await ready.wait()
        probe, paced = _split_first_transaction(events)
        await producer.send_and_wait(
            settings.topic(settings.source_topic), probe.value, key=probe.key
        )
        await _until(lambda: bool(reader.seen_s), SETTLE_SECONDS, alive)
        sent_s = await _send(producer, settings, paced, per_second)
        await _until(lambda: sent_s.keys() <= reader.seen_s.keys(), LAST_ALERT_SECONDS, alive)
    finally:
        await producer.stop()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return _summary(sent_s, reader.seen_s)


def _split_first_transaction(events: Sequence[Sent]) -> tuple[Sent, Sequence[Sent]]:
    first = next(n for n, e in enumerate(events) if _decode_event(e.value).type == TRANSACTION)
    return events[first], events[first + 1 :]


async def _send(
    producer: Any, settings: KafkaSettings, events: Sequence[Sent], per_second: float
) -> dict[str, float]:
    """Send evenly; returns when each counted transaction was sent, by the event's id."""
    topic = settings.topic(settings.source_topic)
    heads = [_decode_event(event.value) for event in events]
    warm = int(len(events) * WARM_UP_SHARE)
    sent_s: dict[str, float] = {}
    began = time.monotonic()
    for number, (event, head) in enumerate(zip(events, heads, strict=True)):
        ahead = began + number / per_second - time.monotonic()
        if ahead > 0:
            await asyncio.sleep(ahead)
        if number >= warm and head.type == TRANSACTION:
            sent_s[head.id] = time.monotonic()
        await producer.send(topic, event.value, key=event.key)
    return sent_s


async def _until(condition: Callable[[], bool], seconds: float, alive: Callable[[], bool]) -> None:
    """Return once ``condition`` holds or, without an error, after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        if not alive():
            raise RuntimeError("the contender ended")
        await asyncio.sleep(0.05)


def _summary(sent_s: dict[str, float], seen_s: dict[str, float]) -> Latency:
    took = sorted(1000 * (seen_s[name] - at) for name, at in sent_s.items() if name in seen_s)
    if not took:
        raise RuntimeError("no alert came")
    p50, p90, p99 = (took[int(len(took) * share)] for share in (0.5, 0.9, 0.99))
    return Latency(len(took), len(sent_s) - len(took), p50, p90, p99, took[-1])
