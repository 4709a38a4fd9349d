"""The atomic writer of one partition: one transactional producer, one transaction per chunk."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced
from aiokafka.producer import sender
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.adapters.kafka.clients import RECORD_OVERHEAD_BYTES, close_hard, make_producer
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.codec import POSITION_CODEC
from pipeline.engine.errors import Fenced, OutputTooLarge
from pipeline.engine.ports import POSITION_KEY, Changes, Output, Position
from schemas.topics import READ_BY_STAGES

log = logging.getLogger(__name__)

RETRY_BACKOFF_MS = 5
FIRST_BACKOFF_SECONDS = 0.002
"""After each commit the broker answers CONCURRENT_TRANSACTIONS for a moment: a long back-off
there becomes the latency of every chunk. aiokafka has one of its own, 20 ms, for the first
request of a transaction."""

OFFSETS_EVERY_SECONDS = 1.0
"""Group offsets are a hint for lag tools: once a second is enough for those, and leaves two round
trips to the broker out of every other transaction."""

ABORT_SECONDS = 1.0

Pair = tuple[bytes, bytes | None]


class KafkaUnitOfWork:
    """The ``UnitOfWork`` of one partition of a stage.

    Outputs go to the partition number of their source; those to a topic that a stage reads go
    where their key belongs, as a publisher's records do. Opening it fences every earlier owner.
    """

    def __init__(self, settings: KafkaSettings, stage: str, partition: int) -> None:
        self._settings = settings
        self._stage = stage
        self._partition = partition
        self._changelog = settings.changelog_topic(stage)
        self._source = settings.topic(settings.source_topic)
        self._read = dict.fromkeys((settings.source_topic, *READ_BY_STAGES))
        self._producer: Any = None
        self._sent: list[Awaitable[Any]] = []
        self._changelog_sent: tuple[Awaitable[Any], int] | None = None
        self._offsets_at = float("-inf")

    async def open(self) -> None:
        producer = make_producer(
            self._settings,
            transactional_id=self._settings.transactional_id(self._stage, self._partition),
            transaction_timeout_ms=int(self._settings.transaction_timeout_seconds * 1000),
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        sender.BACKOFF_OVERRIDE = FIRST_BACKOFF_SECONDS
        try:
            await producer.start()
        except BaseException:
            await close_hard(producer)
            raise
        self._producer = producer

    async def begin(self) -> None:
        self._sent = []
        self._changelog_sent = None
        await self._producer.begin_transaction()

    async def send(self, outputs: Sequence[Output], changes: Changes, position: Position) -> None:
        """Raises ``OutputTooLarge`` before anything is sent if a record exceeds the limit."""
        by_topic: dict[str, list[Pair]] = {}
        for topic, key, value in outputs:
            pairs = by_topic.get(topic)
            if pairs is None:
                pairs = by_topic[topic] = []
            pairs.append((key, value))
        read = {topic: by_topic.pop(topic, []) for topic in self._read}
        named = [(self._settings.topic(t), self._partition, p) for t, p in by_topic.items()]
        for topic, pairs in read.items():
            name = self._settings.topic(topic)
            named += [(name, p, those) for p, those in self._by_partition(pairs).items()]
        for name, _, records in named:
            self._check_sizes(name, records)
        self._check_sizes(self._changelog, changes.items())
        for name, partition, records in named:
            await self._send_batches(name, partition, records)
        # The position comes last: its offset is where the changelog ends for this chunk.
        entries = [*changes.items(), (POSITION_KEY, POSITION_CODEC.encode(position))]
        self._changelog_sent = await self._send_batches(self._changelog, self._partition, entries)

    async def send_offsets(self, position: Position) -> None:
        if time.monotonic() - self._offsets_at < OFFSETS_EVERY_SECONDS:
            return
        self._offsets_at = time.monotonic()
        source = TopicPartition(self._source, self._partition)
        await self._producer.send_offsets_to_transaction(
            {source: OffsetAndMetadata(position.next_offset, "")}, self._settings.group_id()
        )

    async def commit(self) -> int:
        # aiokafka commits a transaction even if one of its batches failed. Only when every batch
        # is known to be written may it be asked to.
        results = await asyncio.gather(*self._sent, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await _abort_quietly(self._producer)
            raise _typed(failures[0]) from failures[0]
        end = await self._changelog_end()
        try:
            await self._producer.commit_transaction()
        except ProducerFenced as error:
            raise _typed(error) from error
        return end

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if producer._txn_manager.is_in_transaction():
            # Politeness to readers: an open transaction holds them up until it times out.
            await _abort_quietly(producer)
        await close_hard(producer)

    def _by_partition(self, pairs: Iterable[Pair]) -> dict[int, list[Pair]]:
        divided: dict[int, list[Pair]] = {}
        for pair in pairs:
            partition = key_partition(pair[0], self._settings.partitions)
            divided.setdefault(partition, []).append(pair)
        return divided

    async def _send_batches(
        self, topic: str, partition: int, pairs: Iterable[Pair]
    ) -> tuple[Awaitable[Any], int]:
        now_ms = int(time.time() * 1000)
        batch = self._producer.create_batch()
        append = batch.append
        for key, value in pairs:
            if append(key=key, value=value, timestamp=now_ms) is None:
                await self._submit(batch, topic, partition)
                batch = self._producer.create_batch()
                append = batch.append
                append(key=key, value=value, timestamp=now_ms)
        return await self._submit(batch, topic, partition), batch.record_count()

    async def _submit(self, batch: Any, topic: str, partition: int) -> Awaitable[Any]:
        batch.close()
        future: asyncio.Future[Any] = await self._producer.send_batch(
            batch, topic, partition=partition
        )
        future.add_done_callback(_look_at)
        self._sent.append(future)
        return future

    def _check_sizes(self, topic: str, pairs: Iterable[Pair]) -> None:
        limit = self._settings.max_bytes(topic) - RECORD_OVERHEAD_BYTES
        for key, value in pairs:
            size = len(key) + len(value or b"")
            if size > limit:
                raise OutputTooLarge(
                    f"{topic}: a record of {size} bytes for key {key[:100]!r}; "
                    f"the limit is {limit}: raise max_message_bytes or bound what is written"
                )

    async def _changelog_end(self) -> int:
        if self._changelog_sent is None:
            raise KafkaError("commit was called before send")
        future, count = self._changelog_sent
        metadata = await future
        if metadata is None or metadata.offset < 0:
            # A duplicate of a batch already written comes back without its offset.
            await _abort_quietly(self._producer)
            raise KafkaError(f"{self._changelog}: the broker did not tell the offset of a batch")
        return int(metadata.offset) + count


def _typed(error: BaseException) -> BaseException:
    if isinstance(error, MessageSizeTooLargeError):
        return OutputTooLarge(f"the broker refused a batch: {error}")
    if isinstance(error, ProducerFenced):
        return Fenced(f"fenced, or the transaction timed out: {error}")
    return error


def _look_at(future: asyncio.Future[Any]) -> None:
    """Take note of a failure: after another one nobody awaits this batch any more."""
    if not future.cancelled():
        future.exception()


async def _abort_quietly(producer: Any) -> None:
    try:
        await asyncio.wait_for(producer.abort_transaction(), ABORT_SECONDS)
    except (KafkaError, TimeoutError) as error:
        # The next owner of the transactional id aborts it.
        log.info("transaction left for the next owner to abort: %r", error)
