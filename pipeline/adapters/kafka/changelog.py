"""Reads one partition of a stage's compacted state changelog, committed records only."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from kafka import KafkaAdminClient

from pipeline.adapters.kafka.clients import pause_failed_refresh
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.ports import ChangelogEntry

FETCH_BYTES = 4 * 1024 * 1024
POLL_MS = 200
IDENTITY_CACHE_SECONDS = 5.0
ADMIN_TIMEOUT_MS = 5_000


class TopicIdentity:
    """The cluster's id of one topic: a topic that was deleted and made anew has another.

    Shared by all lanes of a stage, so that a dozen lanes opening at once ask once. aiokafka does
    not speak the versions that carry topic ids; kafka-python does.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._lock = asyncio.Lock()
        self._known = ""
        self._known_at = float("-inf")

    async def get(self) -> str:
        """Raises ``kafka.errors.KafkaError`` if no broker answers within some seconds."""
        async with self._lock:
            if time.monotonic() - self._known_at > IDENTITY_CACHE_SECONDS:
                self._known = await asyncio.to_thread(self._ask)
                self._known_at = time.monotonic()
            return self._known

    def _ask(self) -> str:
        admin = KafkaAdminClient(
            **self._settings.kafka_python_options(),
            bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
            request_timeout_ms=ADMIN_TIMEOUT_MS,
        )
        try:
            described = admin.describe_topics([self._topic])
        finally:
            admin.close()
        return str(described[0]["topic_id"])


class KafkaChangelog:
    """The ``Changelog`` of one partition."""

    def __init__(
        self, settings: KafkaSettings, stage: str, partition: int, identity: TopicIdentity
    ) -> None:
        self._settings = settings
        self._tp = TopicPartition(settings.changelog_topic(stage), partition)
        self._identity = identity

    async def identity(self) -> str:
        return await self._identity.get()

    async def bounds(self) -> tuple[int, int]:
        consumer = await self._consumer()
        try:
            first = await consumer.beginning_offsets([self._tp])
            # Read-committed: the last stable offset. The lane's own producer has already ended
            # whatever transaction its predecessor left open.
            last = await consumer.end_offsets([self._tp])
        finally:
            await consumer.stop()
        return int(first[self._tp]), int(last[self._tp])

    async def read(self, start: int, end: int) -> AsyncIterator[Sequence[ChangelogEntry]]:
        if start >= end:
            return
        consumer = await self._consumer()
        try:
            consumer.seek(self._tp, start)
            # The position, not the last record, says when the end is reached: the commit marker
            # behind the last record takes an offset and is never delivered.
            while await consumer.position(self._tp) < end:
                fetched = await consumer.getmany(self._tp, timeout_ms=POLL_MS)
                entries = [
                    ChangelogEntry(record.offset, record.key, record.value)
                    for record in fetched.get(self._tp, ())
                    if record.offset < end
                ]
                if entries:
                    yield entries
        finally:
            await consumer.stop()

    async def _consumer(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._settings.aiokafka_options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=POLL_MS,
        )
        pause_failed_refresh(consumer._client)
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign([self._tp])
        return consumer
