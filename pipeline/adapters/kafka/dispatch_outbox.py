"""What dispatch writes to Kafka: settled events, dead letters, and actions that it puts off.

Each is written until the cluster has acknowledged it. Written twice, it does no harm: a settled
event has the same id, an action that was put off twice is the same action.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pipeline.adapters.dispatch.ends import Parked, Progress
from pipeline.adapters.dispatch.settled import SettledEvent
from pipeline.adapters.kafka.clients import close_hard, make_producer
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.dead_letter import DeadLetter, FieldError, Reason
from schemas.topics import ACTION_DEAD_LETTERS, ACTION_RETRIES

log = logging.getLogger(__name__)

NOT_BEFORE: Final = "not-before"
PROGRESS: Final = "progress"
COMPONENT: Final = "dispatch"

_LONGEST_PAUSE_SECONDS: Final = 5.0

Headers = Sequence[tuple[str, bytes | None]]


class Resume(NamedTuple):
    """When and where to go on with an action that was put off."""

    not_before: datetime
    progress: Progress


class Outbox:
    """One idempotent producer, made anew when it fails; of one event loop."""

    def __init__(self, settings: KafkaSettings, version: str) -> None:
        self._settings = settings
        self._version = version
        self._producer: Any = None
        self._making = asyncio.Lock()

    async def settle(self, event: SettledEvent) -> None:
        """Append a settled event to the log of touches, where its customer's events stand."""
        partition = key_partition(event.key, self._settings.partitions)
        await self._send(self._settings.source_topic, event.key, event.value, partition)

    async def park(self, record: ConsumerRecord, parked: Parked) -> None:
        """Put an action off: its bytes, and in headers when and where to go on."""
        headers = [
            (NOT_BEFORE, msgspec.json.encode(parked.not_before)),
            (PROGRESS, msgspec.json.encode(parked.progress)),
        ]
        await self._send(ACTION_RETRIES, record.key, record.value, record.partition, headers)

    async def bury(
        self, record: ConsumerRecord, reason: Reason, detail: str, *, attempts: int = 1
    ) -> None:
        """Make a dead letter of a record, with its original bytes."""
        letter = DeadLetter(
            topic=record.topic.removeprefix(self._settings.prefix),
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=tuple((name, value) for name, value in record.headers),
            reason=reason,
            detail=detail,
            fields=(FieldError("", detail),) if reason is Reason.INVALID_FIELD else (),
            component=COMPONENT,
            version=self._version,
            attempts=max(1, attempts),
        )
        value = msgspec.json.encode(letter)
        await self._send(ACTION_DEAD_LETTERS, record.key, value, record.partition)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_hard(producer)

    async def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int,
        headers: Headers = (),
    ) -> None:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type((KafkaError, TimeoutError)),
            wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_SECONDS),
        )
        async for attempt in attempts:
            with attempt:
                await self._try_to_send(self._settings.topic(topic), key, value, partition, headers)

    async def _try_to_send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int,
        headers: Headers,
    ) -> None:
        producer = await self._ready()
        try:
            # An idempotent batch never expires: without a limit it would be waited for for ever.
            async with asyncio.timeout(2 * self._settings.request_timeout_seconds):
                written = await producer.send(
                    topic, key=key, value=value, partition=partition, headers=list(headers)
                )
                await written
        except (KafkaError, TimeoutError) as error:
            log.warning("%s: not written, trying again: %r", topic, error)
            if self._producer is producer:  # the first of those that failed with it
                self._producer = None
                await close_hard(producer)
            raise

    async def _ready(self) -> Any:
        async with self._making:
            if self._producer is None:
                producer = make_producer(self._settings, enable_idempotence=True)
                try:
                    await producer.start()
                except BaseException:
                    await close_hard(producer)
                    raise
                self._producer = producer
            return self._producer


def resume_of(headers: Headers) -> Resume | None:
    """What ``park`` wrote; ``None`` where there is nothing that can be read: begin anew."""
    found = dict(headers)
    try:
        not_before = msgspec.json.decode(found[NOT_BEFORE] or b"", type=datetime)
        progress = msgspec.json.decode(found[PROGRESS] or b"", type=Progress)
    except (KeyError, msgspec.DecodeError):
        return None
    if not_before.tzinfo is None:
        return None
    return Resume(not_before, progress)
