"""Appends time to the log: a ``clock.ticked`` record each second to every owned partition."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.errors import KafkaError
from mode import Service

from pipeline.adapters.kafka.clients import close_hard, make_producer
from pipeline.adapters.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

TickValue = Callable[[int, int], bytes]
"""Bytes of the ``clock.ticked`` event for a partition and a time in milliseconds since 1970."""

ANSWER_SECONDS = 5.0


class Ticker(Service):
    """Ticks for whoever owns a partition. Two owners during a take-over do no harm: time only
    moves forward."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        partitions: Callable[[], Sequence[int]],
        tick_value: TickValue,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._topic = settings.topic(settings.source_topic)
        self._partitions = partitions
        self._tick_value = tick_value
        self._producer: Any = None

    @Service.task
    async def _run(self) -> None:
        next_tick = time.monotonic()
        while not self.should_stop:
            try:
                await asyncio.wait_for(self._tick(), ANSWER_SECONDS)
            except (KafkaError, TimeoutError) as error:
                # What is queued would arrive late and all at once: start afresh instead.
                log.warning("no tick was written, trying again: %r", error)
                await self._drop_producer()
            next_tick = max(next_tick + self._settings.tick_seconds, time.monotonic())
            await self.sleep(next_tick - time.monotonic())

    async def _tick(self) -> None:
        partitions = self._partitions()
        if not partitions:
            return
        if self._producer is None:
            self._producer = make_producer(self._settings, enable_idempotence=True)
            await self._producer.start()
        clock_ms = int(time.time() * 1000)
        answers = [
            await self._producer.send(
                self._topic,
                value=self._tick_value(partition, clock_ms),
                partition=partition,
                timestamp_ms=clock_ms,
            )
            for partition in partitions
        ]
        results = await asyncio.gather(*answers, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def on_stop(self) -> None:
        await self._drop_producer()

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_hard(producer)
