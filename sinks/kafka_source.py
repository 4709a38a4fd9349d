"""kafka-python's consumer as a sink needs it: committed records only, placed by hand."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata


class Partition(Protocol):
    """kafka-python's ``TopicPartition``; hashable."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...


class SourceRecord(Protocol):
    """The part of kafka-python's ``ConsumerRecord`` that a sink keeps."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def timestamp(self) -> int: ...


class Consumer(Protocol):
    """The part of kafka-python's consumer that a sink uses; tests bring one in memory."""

    def poll(self, timeout_ms: int) -> Mapping[Partition, Sequence[SourceRecord]]: ...
    def assignment(self) -> Collection[Partition]: ...
    def beginning_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]: ...
    def end_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]: ...
    def pause(self, *partitions: Partition) -> None: ...
    def resume(self, *partitions: Partition) -> None: ...
    def seek(self, partition: Partition, offset: int) -> None: ...
    def commit_async(self, offsets: Mapping[Partition, object]) -> object: ...


def connect(
    *,
    bootstrap_servers: str | Sequence[str],
    group_id: str,
    max_poll_records: int,
    max_poll_interval_seconds: int,
    session_timeout_seconds: int,
    client: Mapping[str, object],
) -> KafkaConsumer:
    """A consumer not yet subscribed. ``client`` may set what is not set here (TLS, SASL...)."""
    fixed: dict[str, object] = {
        "bootstrap_servers": bootstrap_servers,
        "group_id": group_id,
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        # Never jump: a position that the log does not hold is a gap, and must be seen.
        "auto_offset_reset": "none",
        "max_poll_records": max_poll_records,
        "max_poll_interval_ms": max_poll_interval_seconds * 1000,
        "session_timeout_ms": session_timeout_seconds * 1000,
        "allow_auto_create_topics": False,
    }
    return KafkaConsumer(**{**client, **fixed})


class PlacingListener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Holds newly assigned partitions back until somebody has placed them.

    Called on the consumer's own thread, which also sends heartbeats: it must not wait for a
    database.
    """

    def __init__(self, consumer: Consumer, moved: Callable[[Iterable[Partition]], None]) -> None:
        self._consumer = consumer
        self._moved = moved

    def on_partitions_assigned(self, assigned: Collection[Partition]) -> None:
        # Told first: whatever is fetched from here on is dropped until the partition is placed.
        self._moved(assigned)
        for partition in assigned:
            self._consumer.pause(partition)
            # Any offset will do. Without one the consumer asks for the group's, or gives up.
            self._consumer.seek(partition, 0)

    def on_partitions_revoked(self, revoked: Collection[Partition]) -> None:
        self._moved(revoked)

    def on_partitions_lost(self, lost: Collection[Partition]) -> None:
        self._moved(lost)


def hint(next_offset: int) -> object:
    """What the group's offset is set to, for tools that show lag."""
    return OffsetAndMetadata(next_offset, "", -1)


def passes(error: KafkaError) -> bool:
    """Whether the trouble may be over by itself: a broker away, a leader elected."""
    return bool(error.retriable)
