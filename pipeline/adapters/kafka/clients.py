"""Makes aiokafka's clients bearable: producers that close, refreshes that pause, quiet logs."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from pipeline.adapters.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

MAX_BATCH_BYTES = 524_288
"""Large enough for a busy chunk in a few requests, half of what a broker takes by default."""

RECORD_OVERHEAD_BYTES = 100
"""What a record costs beside its key and value: its own header and that of a batch."""

METADATA_PAUSE_SECONDS = 0.2
CLOSE_SECONDS = 1.0


def make_producer(settings: KafkaSettings, **options: object) -> Any:
    """An aiokafka producer with this adapter's common settings; needs a running loop."""
    producer = AIOKafkaProducer(
        **settings.aiokafka_options(),
        acks="all",
        linger_ms=0,
        max_batch_size=min(MAX_BATCH_BYTES, settings.max_message_bytes - RECORD_OVERHEAD_BYTES),
        max_request_size=2 * settings.max_message_bytes,  # dead letters wrap what they refuse
        **options,
    )
    pause_failed_refresh(producer.client)
    return producer


async def close_hard(producer: Any) -> None:
    """Close a producer in bounded time, dropping what it has not sent. Never raises.

    ``stop()`` may wait for ever: an idempotent batch never expires. Nothing is lost by not
    waiting, since what counts is in committed transactions.
    """
    producer._closed = True
    try:
        sender = producer._sender.sender_task
        if sender is not None:
            # Twice: the first cancel makes it wait for requests under way, the second ends that.
            for _ in range(2):
                sender.cancel()
                await asyncio.wait([sender], timeout=CLOSE_SECONDS)
                if sender.done():
                    break
        producer._message_accumulator.fail_all(ProducerClosed())
        await asyncio.wait_for(producer.client.close(), CLOSE_SECONDS)
    except Exception:
        log.exception("a producer did not close cleanly")


def pause_failed_refresh(client: Any, pause_seconds: float = METADATA_PAUSE_SECONDS) -> None:
    """Make an aiokafka client wait a moment after a metadata refresh that nobody answered.

    It asks again at once otherwise, and spins as long as no broker is there.
    """
    update = client._metadata_update

    async def patient_update(cluster: object, topics: object) -> bool:
        updated = bool(await update(cluster, topics))
        if not updated:
            await asyncio.sleep(pause_seconds)
        return updated

    client._metadata_update = patient_update


LIMITED_LOGGERS: Sequence[str] = (
    "aiokafka",  # of aiokafka.client
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
    "asyncio",  # of callbacks that a producer leaves behind when it is closed hard
    "pipeline.adapters.kafka.ticks",
    "pipeline.adapters.kafka.transport",
)


class RateLimit(logging.Filter):
    """Lets each message template through a few times a minute: an outage must not fill the disk."""

    def __init__(self, per_minute: int = 6) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, str(record.msg))
        now = time.monotonic()
        since, count = self._seen.get(key, (now, 0))
        if now - since >= 60:
            since, count = now, 0
        self._seen[key] = (since, count + 1)
        return count < self._per_minute


def limit_client_logs() -> None:
    """Put a rate limit on the loggers that an outage makes loud; safe to call twice."""
    for name in LIMITED_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(present, RateLimit) for present in logger.filters):
            logger.addFilter(RateLimit())
