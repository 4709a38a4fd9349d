"""Runs a sink: Kafka's partitions in, each from the position that the sink itself holds.

The consumer group only shares out the partitions. Where to read from stands in the sink; the
group's offsets are written as a hint for tools that show lag, and are never believed.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from time import monotonic
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
from kafka.errors import (
    KafkaError,
    LogTruncationError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from sinks.kafka_source import (
    Consumer,
    Partition,
    PlacingListener,
    SourceRecord,
    connect,
    hint,
    passes,
)
from sinks.observe import LogObserver, SinkObserver
from sinks.port import Sink, SinkBusy, SinkFenced, SinkGap, SinkRecord

T = TypeVar("T")

_HINT_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 5


class RunnerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a sink is run; the defaults suit most."""

    poll_timeout_ms: int = 500
    # The most that one transaction takes: COPY gets hardly cheaper per row above.
    max_poll_records: int = 5_000
    first_backoff_seconds: float = 0.1
    max_backoff_seconds: float = 10.0
    # A database that is away for long must not cost the membership: fencing keeps things right
    # without it, and each rebalance costs time.
    max_poll_interval_seconds: int = 1_800
    session_timeout_seconds: int = 10


def run_sink(
    sink: Sink,
    *,
    bootstrap_servers: str | Sequence[str],
    group_id: str,
    stop: Event,
    topics: Sequence[str] | None = None,
    observer: SinkObserver | None = None,
    settings: RunnerSettings | None = None,
    client: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Write ``topics`` (all of the sink's by default) to ``sink`` until ``stop`` is set.

    Any number of processes may run with one ``group_id``. ``client`` holds further settings of
    kafka-python's consumer. What passes by itself (database or broker away) is retried for ever
    and told to ``observer``. Raises ``SinkGap`` if records are gone that were never written,
    ``KafkaError`` for what no retry mends, ``ValueError`` for a topic that has no place.
    """
    settings, observer = settings or RunnerSettings(), observer or LogObserver()
    topics = tuple(sink.topics if topics is None else topics)
    unknown = sorted(set(topics) - set(sink.topics))
    if unknown:
        raise ValueError(f"the sink has no place for {unknown}; known: {sorted(sink.topics)}")
    try:
        consumer = Retry(stop, observer, settings).until_done(
            "connecting to Kafka",
            lambda: connect(
                bootstrap_servers=bootstrap_servers,
                group_id=group_id,
                max_poll_records=settings.max_poll_records,
                max_poll_interval_seconds=settings.max_poll_interval_seconds,
                session_timeout_seconds=settings.session_timeout_seconds,
                client=client,
            ),
        )
    except Stopped:
        return
    try:
        loop = SinkLoop(consumer, sink, stop=stop, observer=observer, settings=settings)
        consumer.subscribe(topics=topics, listener=PlacingListener(consumer, loop.moved.extend))
        loop.run()
    finally:
        consumer.close(autocommit=False, timeout_ms=_CLOSE_SECONDS * 1000)


class Stopped(Exception):  # noqa: N818 - an order, not an error
    """The stop was asked for while something was being retried."""


class Retry:
    """Does a thing until it succeeds, waiting ever longer in between."""

    def __init__(self, stop: Event, observer: SinkObserver, settings: RunnerSettings) -> None:
        self._stop = stop
        self._observer = observer
        self._settings = settings

    def until_done(self, what: str, action: Callable[[], T]) -> T:
        """The result of ``action``; ``Stopped`` if the stop comes before it succeeded."""
        backoff_seconds = self._settings.first_backoff_seconds
        while not self._stop.is_set():
            try:
                return action()
            except SinkBusy as busy:
                error: Exception = busy
                wait_seconds = max(backoff_seconds, busy.retry_after_seconds)
            except KafkaError as failure:
                if not passes(failure):
                    raise
                error, wait_seconds = failure, backoff_seconds
            self._observer.retrying(what, error, wait_seconds=wait_seconds)
            self._stop.wait(wait_seconds)
            backoff_seconds = min(2 * backoff_seconds, self._settings.max_backoff_seconds)
        raise Stopped(what)


class SinkLoop:
    """Places partitions, polls, writes; one thread. ``moved`` is fed by the consumer's own."""

    def __init__(
        self,
        consumer: Consumer,
        sink: Sink,
        *,
        stop: Event,
        observer: SinkObserver,
        settings: RunnerSettings,
    ) -> None:
        self.moved: deque[Partition] = deque()
        """Partitions that came or went: their place is unknown until the sink is asked again."""
        self._consumer = consumer
        self._sink = sink
        self._stop = stop
        self._observer = observer
        self._settings = settings
        self._retry = Retry(stop, observer, settings)
        self._positions: dict[Partition, int | None] = {}
        self._hints: dict[Partition, object] = {}
        self._hinted_at = monotonic()

    def run(self) -> None:
        """Until the stop is set; a batch under way is written first, or left to the next start."""
        try:
            while not self._stop.is_set():
                self._place()
                for partition, records in self._poll().items():
                    self._write(partition, records)
                self._hint()
        except Stopped:
            return

    def _place(self) -> None:
        """Ask the sink where newly assigned partitions stand, and read them from there."""
        self._forget_moved()
        found = [each for each in self._consumer.assignment() if each not in self._positions]
        if not found:
            return
        first, end = self._retry.until_done(
            "looking up the log's bounds",
            lambda: (
                self._consumer.beginning_offsets(found),
                self._consumer.end_offsets(found),
            ),
        )
        for partition in found:
            position = self._retry.until_done(
                f"reading the position of {partition.topic}/{partition.partition}",
                lambda at=partition: self._sink.position(at.topic, at.partition),  # type: ignore[misc]
            )
            _refuse_gap(partition, position, first[partition], end[partition])
            start = first[partition] if position is None else position
            try:
                self._consumer.seek(partition, start)
                self._consumer.resume(partition)
            except (ValueError, KeyError):  # taken away meanwhile
                continue
            self._positions[partition] = position
            self._observer.placed(partition.topic, partition.partition, start)

    def _poll(self) -> dict[Partition, Sequence[SourceRecord]]:
        try:
            batches = self._consumer.poll(self._settings.poll_timeout_ms)
        except LogTruncationError as error:
            raise SinkGap(
                f"the log was cut below what the sink has written ({error}): a broker without the "
                "latest records was made leader; compare the tables with the log before going on"
            ) from error
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            # Retention may have passed us: placing again finds out, and says so.
            self._positions.clear()
            batches = self._wait_after(error)
        except KafkaError as error:
            if not passes(error):
                raise
            batches = self._wait_after(error)
        # What was fetched around a rebalance may start anywhere: it is fetched again.
        self._forget_moved()
        return {each: records for each, records in batches.items() if each in self._positions}

    def _wait_after(self, error: KafkaError) -> Mapping[Partition, Sequence[SourceRecord]]:
        wait_seconds = self._settings.first_backoff_seconds
        self._observer.retrying("polling Kafka", error, wait_seconds=wait_seconds)
        self._stop.wait(wait_seconds)
        return {}

    def _write(self, partition: Partition, records: Sequence[SourceRecord]) -> None:
        topic, number, position = partition.topic, partition.partition, self._positions[partition]
        batch = [SinkRecord(each.offset, each.key, each.value, each.timestamp) for each in records]
        next_offset = batch[-1].offset + 1
        started = monotonic()
        try:
            written = self._retry.until_done(
                f"writing {topic}/{number} from offset {batch[0].offset}",
                lambda: self._sink.write(
                    topic, number, batch, position=position, next_offset=next_offset
                ),
            )
        except SinkFenced:
            # Another owner, or a commit of ours whose answer was lost: the sink knows.
            self._positions.pop(partition)
            self._observer.fenced(topic, number)
            return
        self._positions[partition] = next_offset
        self._hints[partition] = hint(next_offset)
        self._observer.written(
            topic,
            number,
            records=written.records,
            rejected=written.rejected,
            seconds=monotonic() - started,
        )

    def _hint(self) -> None:
        if self._hints and monotonic() - self._hinted_at >= _HINT_SECONDS:
            self._consumer.commit_async(self._hints)
            self._hints, self._hinted_at = {}, monotonic()

    def _forget_moved(self) -> None:
        while self.moved:
            partition = self.moved.popleft()
            self._positions.pop(partition, None)
            self._hints.pop(partition, None)


def _refuse_gap(partition: Partition, position: int | None, first: int, end: int) -> None:
    name = f"{partition.topic}/{partition.partition}"
    if position is None or first <= position <= end:
        return
    if position < first:
        raise SinkGap(
            f"{name}: the sink is at offset {position}, but the log begins at {first}: retention "
            f"deleted up to {first - position} records that were never written. To go on without "
            f"them set the sink's position to {first}; to have them, replay the events into an "
            "empty sink. Then give the topic a retention longer than the sink may be down."
        )
    raise SinkGap(
        f"{name}: the sink is at offset {position}, but the log ends at {end}: the topic was made "
        "anew or lost records. Point the sink at the old topic, or at an empty database."
    )
