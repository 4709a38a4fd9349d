"""Writes single records to Kafka, each until the cluster has acknowledged it."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pipeline.adapters.kafka.clients import close_hard, make_producer
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_LONGEST_PAUSE_SECONDS: Final = 5.0

Headers = Sequence[tuple[str, bytes | None]]


class Sender:
    """One idempotent producer, made anew when it fails; of one event loop."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._making = asyncio.Lock()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        place: int | bytes,
        headers: Headers = (),
    ) -> None:
        """Return once it is acknowledged, however long that takes; ``topic`` is the logical name.

        ``place`` is a partition (of fewer, what is left of it), or what is placed as a key is: who
        sends single records need not be told how many partitions there are.

        Given up by its caller, or written twice after an answer was lost, it may be there.
        """
        attempts = AsyncRetrying(
            retry=retry_if_exception_type((KafkaError, TimeoutError)),
            wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_SECONDS),
        )
        async for attempt in attempts:
            with attempt:
                await self._try_to_send(self._settings.topic(topic), key, value, place, headers)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_hard(producer)

    async def _try_to_send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        place: int | bytes,
        headers: Headers,
    ) -> None:
        producer = await self._ready()
        try:
            # An idempotent batch never expires: without a limit it would be waited for for ever.
            async with asyncio.timeout(2 * self._settings.request_timeout_seconds):
                count = len(await producer.partitions_for(topic))
                partition = key_partition(place, count) if isinstance(place, bytes) else place
                written = await producer.send(
                    topic, key=key, value=value, partition=partition % count, headers=list(headers)
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
