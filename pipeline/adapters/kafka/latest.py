"""Reads compacted topics to their end before each answer: what holds, by all that is committed.

Before an answer is given, everything is read that was committed before the question: nothing is
sent after an opt-out or an order that the log knows.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.adapters.kafka.clients import pause_failed_refresh
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.errors import Retryable

POLL_MS: Final = 10
FETCH_WAIT_MS: Final = 100
"""Such records are rare: a broker is not asked more often than that while there are none."""

ANSWER_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 1.0

Take = Callable[[ConsumerRecord], None]


class NotRead(Retryable):
    """The topics cannot be read to their end now."""


class KafkaLatest:
    """Several topics, read by one consumer, so that one look answers for all; of one event loop.

    Questions that come while the topics are looked at are answered together by the next look: a
    look that began before a question may have missed what was committed since.
    """

    def __init__(self, settings: KafkaSettings, takes: Mapping[str, Take]) -> None:
        """``takes``: who is given the records of each (logical) topic, in the order of offsets."""
        self._settings = settings
        self._takes = {settings.topic(name): take for name, take in takes.items()}
        self._partitions = [
            TopicPartition(topic, n) for topic in self._takes for n in range(settings.partitions)
        ]
        self._positions: dict[TopicPartition, int] = {}
        self._consumer: Any = None
        self._asker: Any = None
        self._next: asyncio.Future[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._current = False

    @property
    def current(self) -> bool:
        """Whether the last look reached the end."""
        return self._current

    async def look(self) -> None:
        """Return when all is read that was committed before. Raises ``NotRead``."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._next.add_done_callback(_seen)
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="latest")
        await asyncio.shield(self._next)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._drop()

    async def _look(self) -> None:
        """Look as long as somebody asks."""
        while self._next is not None:
            asked, self._next = self._next, None
            try:
                async with asyncio.timeout(ANSWER_SECONDS if self._positions else None):
                    await self._catch_up()
            except asyncio.CancelledError:
                asked.cancel()
                raise
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is, nobody knows
                self._current = False
                await self._drop()
                what = f"{', '.join(self._takes)} cannot be read: {error!r}"
                asked.set_exception(NotRead(what, retry_after_seconds=RETRY_SECONDS))
            else:
                self._current = True
                asked.set_result(None)

    async def _catch_up(self) -> None:
        if self._consumer is None:
            await self._open()
        consumer = self._consumer
        # Read-committed: up to the first transaction that is still open. Asked over a connection
        # of its own: behind a fetch that the broker holds, the answer would take as long as that.
        ends = await self._asker.end_offsets(self._partitions)
        while True:
            # The position, not the last record: commit markers take offsets and never come.
            for tp in self._partitions:
                self._positions[tp] = await consumer.position(tp)
            if all(self._positions[tp] >= ends[tp] for tp in self._partitions):
                return
            fetched = await consumer.getmany(timeout_ms=POLL_MS)
            for tp, records in fetched.items():
                for record in records:
                    self._takes[tp.topic](record)

    async def _open(self) -> None:
        self._consumer, self._asker = consumer, asker = self._client(), self._client()
        await asyncio.gather(consumer.start(), asker.start())
        consumer.assign(self._partitions)
        for tp in self._partitions:
            if tp in self._positions:
                consumer.seek(tp, self._positions[tp])
        fresh = [tp for tp in self._partitions if tp not in self._positions]
        if fresh:
            await consumer.seek_to_beginning(*fresh)

    def _client(self) -> Any:
        client = AIOKafkaConsumer(
            **self._settings.aiokafka_options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        pause_failed_refresh(client._client)
        return client

    async def _drop(self) -> None:
        clients, self._consumer, self._asker = (self._consumer, self._asker), None, None
        for client in clients:
            if client is not None:
                with suppress(KafkaError, TimeoutError, OSError):
                    await asyncio.wait_for(client.stop(), ANSWER_SECONDS)


def _seen(asked: asyncio.Future[None]) -> None:
    """Look at a failure that nobody waits for any more, or asyncio complains."""
    if not asked.cancelled():
        asked.exception()
