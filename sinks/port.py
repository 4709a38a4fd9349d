"""What a sink is: it takes records of one topic's partition and keeps the position with the rows.

The position lives with what it produced: rows and position become durable in one atomic step, and
whoever writes says which position it believes in. So a crash loses nothing, a repetition doubles
nothing, and of two writers one is told that it is late.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class SinkRecord(NamedTuple):
    """One record of a partition; ``timestamp`` in milliseconds since 1970, negative if unknown."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = -1


class Written(NamedTuple):
    """What one write came to: records taken, and how many of them went to the rejects."""

    records: int
    rejected: int


class SinkError(Exception):
    """SinkError
    ├── SinkBusy     try the same batch again, after a while
    ├── SinkFenced   another writer moved the position: read it again
    └── SinkGap      records are gone that were never written: a person must decide
    """


class SinkBusy(SinkError):  # noqa: N818 - said as it is
    """The sink cannot take the batch now; nothing is known to be written.

    It may be written all the same (the answer to a commit was lost): then the next try is fenced.
    """

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SinkFenced(SinkError):  # noqa: N818 - said as it is
    """The position is not where the writer believed; nothing of its batch was written."""


class SinkGap(SinkError):  # noqa: N818 - said as it is
    """The log no longer holds the record at the sink's position."""


class Sink(Protocol):
    """Where records end up. Methods block, and may raise ``SinkBusy`` at any time."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it has a place for."""
        ...

    def position(self, topic: str, partition: int) -> int | None:
        """The offset of the first record not yet written; ``None`` if none ever was."""
        ...

    def write(
        self,
        topic: str,
        partition: int,
        records: Sequence[SinkRecord],
        *,
        position: int | None,
        next_offset: int,
    ) -> Written:
        """Write ``records`` and move the position to ``next_offset``, all of it or nothing.

        ``position`` is what the writer last read or wrote; ``SinkFenced`` if it is no longer so.
        Records below it are skipped. Offsets rise, with holes where the log has markers of
        transactions or was compacted; all are below ``next_offset``. A record that cannot be
        understood goes to the sink's rejects with its reason and original bytes.
        """
        ...


def due(
    records: Sequence[SinkRecord], *, position: int | None, next_offset: int
) -> Sequence[SinkRecord]:
    """The records that ``position`` does not cover; ``ValueError`` if offsets make no sense."""
    start = position or 0
    if next_offset < start:
        raise ValueError(f"next_offset {next_offset} is below the position {start}")
    if records and records[-1].offset >= next_offset:
        raise ValueError(f"offset {records[-1].offset} is not below next_offset {next_offset}")
    if not records or records[0].offset >= start:
        return records
    return [record for record in records if record.offset >= start]
