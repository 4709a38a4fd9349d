"""What a running sink tells whoever counts: metrics and logs are made of it elsewhere."""

import logging
from typing import Protocol

log = logging.getLogger("sinks")


class SinkObserver(Protocol):
    """Told of everything that happened. Every record read is told as written exactly once."""

    def placed(self, topic: str, partition: int, offset: int) -> None:
        """A partition was taken over; it is read from ``offset``."""
        ...

    def written(
        self, topic: str, partition: int, *, records: int, rejected: int, seconds: float
    ) -> None:
        """A batch is durable; ``rejected`` of its records are in the rejects."""
        ...

    def fenced(self, topic: str, partition: int) -> None:
        """Another writer, or our own lost answer, had moved the position: it is read again."""
        ...

    def retrying(self, what: str, error: BaseException, *, wait_seconds: float) -> None:
        """``what`` failed and is tried again after ``wait_seconds``."""
        ...


class LogObserver:
    """Says it in the log of the process."""

    def placed(self, topic: str, partition: int, offset: int) -> None:
        log.info("%s/%d: reads from offset %d", topic, partition, offset)

    def written(
        self, topic: str, partition: int, *, records: int, rejected: int, seconds: float
    ) -> None:
        log.debug("%s/%d: %d records in %.3f s", topic, partition, records, seconds)
        if rejected:
            log.warning("%s/%d: %d records rejected", topic, partition, rejected)

    def fenced(self, topic: str, partition: int) -> None:
        log.warning("%s/%d: the position was moved, reading it again", topic, partition)

    def retrying(self, what: str, error: BaseException, *, wait_seconds: float) -> None:
        log.warning("%s: %s; again in %.1f s", what, error, wait_seconds)
