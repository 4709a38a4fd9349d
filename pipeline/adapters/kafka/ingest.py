"""Takes events from HTTP to Kafka: answered once every replica that must have them has them."""

import asyncio
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.errors import KafkaError

from pipeline.adapters.http.ports import Busy, Condition, Entry, Once, OnceUnsupported, Unavailable
from pipeline.adapters.kafka.clients import close_hard, make_producer
from pipeline.adapters.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

IN_FLIGHT_RECORDS: Final = 20_000
"""Sent and not acknowledged yet, at which requests are turned away."""

_RETRY_SECONDS: Final = 2.0
_FIRST_RETRY_SECONDS: Final = 1.0


class KafkaIngest:
    """``Ingest`` onto the topic of touches, by one idempotent producer; of one event loop.

    Enter it in that loop: it then connects, and again whenever the producer failed. The events of
    a request stand in their order on each partition; those of others may stand between them, and
    where only some could be written ``Unavailable`` is raised all the same. There is nothing to
    keep idempotency keys in: a request with one raises ``OnceUnsupported``.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._topic = settings.topic(settings.source_topic)
        self._timeout_seconds = 2 * settings.request_timeout_seconds
        self._producer: Any = None
        self._connecting: asyncio.Task[None] | None = None
        self._in_flight = 0
        self._failure = "not connected yet"

    async def __aenter__(self) -> Self:
        self._connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_hard(producer)

    def check_room(self) -> None:
        """See ``Ingest.check_room``."""
        if self._in_flight > IN_FLIGHT_RECORDS:
            raise Busy(
                f"{self._in_flight} events wait to be acknowledged",
                retry_after_seconds=_FIRST_RETRY_SECONDS,
            )

    async def append(
        self, entries: Sequence[Entry], received_ms: int, once: Once | None = None
    ) -> bytes | None:
        """See ``Ingest.append``."""
        if once is not None:
            raise OnceUnsupported(
                "no Idempotency-Key can be kept here; send without it: an event with the same "
                "source and id as an earlier one changes nothing"
            )
        producer = self._producer
        if producer is None:
            raise Unavailable(self._failure, retry_after_seconds=_RETRY_SECONDS)
        self._in_flight += len(entries)
        try:
            # An idempotent batch never expires: without a limit it would be waited for for ever.
            async with asyncio.timeout(self._timeout_seconds):
                await self._write(producer, entries, received_ms)
        except (KafkaError, TimeoutError) as error:
            log.warning("%s: not written: %r", self._topic, error)
            await self._replace(producer)
            raise Unavailable(
                "the log does not acknowledge", retry_after_seconds=_RETRY_SECONDS
            ) from error
        finally:
            self._in_flight -= len(entries)
        return None

    def condition(self) -> Condition:
        """Whether events can be written; may be asked from another thread."""
        ready = self._producer is not None
        if ready:
            return Condition("kafka", True, "running")
        return Condition("kafka", False, "connecting", self._failure)

    async def _write(self, producer: Any, entries: Sequence[Entry], received_ms: int) -> None:
        # The client's own partitioner is murmur2, as every other's that writes this topic.
        sent = [
            await producer.send(
                self._topic,
                key=entry.key,
                value=entry.value,
                timestamp_ms=received_ms,
                headers=list(entry.headers),
            )
            for entry in entries
        ]
        await asyncio.gather(*sent)

    async def _replace(self, producer: Any) -> None:
        if self._producer is producer:  # the first of those that failed with it
            self._producer = None
            self._failure = "the producer failed"
            self._connect()
            await close_hard(producer)

    def _connect(self) -> None:
        self._connecting = asyncio.create_task(self._keep_connecting())

    async def _keep_connecting(self) -> None:
        while self._producer is None:
            producer = make_producer(self._settings, enable_idempotence=True)
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                self._failure = f"no answer from {self._settings.bootstrap}"
                log.warning("%s: %r", self._failure, error)
                await close_hard(producer)
                await asyncio.sleep(_FIRST_RETRY_SECONDS)
            except BaseException:
                await close_hard(producer)
                raise
            else:
                self._producer = producer
