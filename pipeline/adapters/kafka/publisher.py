"""A small publishing client: keys land where every other client of the pipeline puts them."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.adapters.kafka.settings import KafkaSettings

IN_FLIGHT_RECORDS = 10_000
BATCH_BYTES = 131_072
LINGER_MS = 5
FLUSH_SECONDS = 120.0

Progress = Callable[[int], None]
"""Called with the number of bytes read so far."""


class PublishError(Exception):
    """A record was not accepted by the cluster; what was sent before it may be there."""


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A line that could not be published; ``line`` counts from 1."""

    line: int
    reason: str


@dataclass(kw_only=True)
class PublishReport:
    """``sent + len(bad) + blank`` lines were read."""

    sent: int = 0
    blank: int = 0
    bad: list[BadLine] = field(default_factory=list)


class Publisher:
    """Publishes to one topic: idempotent, acknowledged by all replicas, compressed with lz4.

    ``send`` returns once the record is queued and blocks while too many are unanswered. A record
    that the cluster refuses raises ``PublishError`` at the next ``send`` or at ``flush``.
    """

    def __init__(self, settings: KafkaSettings, topic: str | None = None) -> None:
        self._topic = settings.topic(settings.source_topic if topic is None else topic)
        self._slots = threading.BoundedSemaphore(IN_FLIGHT_RECORDS)
        self._failure: BaseException | None = None
        # kafka-python's default partitioner is murmur2, as Java's.
        self._producer: Any = KafkaProducer(
            **settings.kafka_python_options(),
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            batch_size=BATCH_BYTES,
            linger_ms=LINGER_MS,
            max_request_size=settings.max_message_bytes,
            # With the defaults it took 44 s to go on after all brokers had been away, not 1 s.
            request_timeout_ms=int(settings.request_timeout_seconds * 1000),
            reconnect_backoff_max_ms=500,
        )

    def send(self, key: bytes, value: bytes) -> None:
        """Queue one record. Raises ``PublishError``."""
        self._raise_failure()
        self._slots.acquire()
        try:
            future = self._producer.send(self._topic, key=key, value=value)
        except BaseException as error:
            self._slots.release()
            if isinstance(error, KafkaError):
                raise PublishError(f"{self._topic}: {error!r}") from error
            raise
        future.add_both(self._answered)

    def flush(self) -> None:
        """Wait until every record is answered. Raises ``PublishError``."""
        try:
            self._producer.flush(timeout=FLUSH_SECONDS)
        except KafkaError as error:
            raise PublishError(f"{self._topic}: {error!r}") from error
        self._raise_failure()

    def close(self) -> None:
        self._producer.close(timeout=FLUSH_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self.close()

    def _answered(self, result: object) -> None:
        if isinstance(result, BaseException) and self._failure is None:
            self._failure = result
        self._slots.release()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise PublishError(f"{self._topic}: {self._failure!r}") from self._failure


class _Head(msgspec.Struct):
    """The little of an event that says where it belongs."""

    id: str
    subject: str | None = None
    anonymous: bool = False


def event_key(line: bytes) -> bytes | str:
    """The key of a CloudEvent, or a sentence saying why it has none."""
    try:
        head = msgspec.json.decode(line, type=_Head)
    except msgspec.DecodeError as error:
        return f"not a CloudEvent: {error}"
    if head.subject:
        return head.subject.encode()
    if not head.anonymous:
        return "no subject, and not marked anonymous"
    return head.id.encode() if head.id else "anonymous, and without an id"


def publish_file(
    publisher: Publisher,
    path: Path,
    *,
    rate: float | None = None,
    progress: Progress | None = None,
) -> PublishReport:
    """Publish the CloudEvents of a JSON Lines file, in its order, keyed by subject.

    ``rate`` is in events a second; ``None`` is as fast as the cluster takes them. Lines that
    cannot be keyed are reported, not sent. Raises ``PublishError`` and ``OSError``.
    """
    report = PublishReport()
    pace = _Pace(rate)
    for number, done, line in _lines(path):
        if not line:
            report.blank += 1
        elif isinstance(key := event_key(line), str):
            report.bad.append(BadLine(line=number, reason=key))
        else:
            pace.wait()
            publisher.send(key, line)
            report.sent += 1
        if progress is not None:
            progress(done)
    publisher.flush()
    return report


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number of the line, bytes read with it, and the line."""
    done = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            done += len(line)
            yield number, done, line.strip()


class _Pace:
    """Spreads sends evenly; what was late is caught up, so the mean rate holds."""

    def __init__(self, rate: float | None) -> None:
        self._interval_seconds = 0.0 if rate is None else 1.0 / rate
        self._next = time.monotonic()

    def wait(self) -> None:
        if self._interval_seconds:
            self._next += self._interval_seconds
            ahead = self._next - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
