"""Records of one partition that travel together, and what their reader can say about the log."""

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from pipeline.engine.ports import Record

_offset_of = attrgetter("offset")


class Chunk(NamedTuple):
    """Records in rising order of offset, without a break: what lies between them is no record.

    Offsets have holes where a log holds control records, aborted batches or compacted keys, so
    the records alone cannot show that none is missing. The reader's own positions can:

    ``fetched_from`` is the offset the reader asked for: nothing was left out between it and the
    first record. ``None`` if the reader cannot say; the first record is taken for it then, which
    is right for logs without holes only.
    ``next_offset`` is the offset the reader goes on from: the next chunk's ``fetched_from``.
    ``None`` stands for the last record's offset + 1.
    """

    records: Sequence[Record]
    fetched_from: int | None = None
    next_offset: int | None = None

    @property
    def begins_at(self) -> int | None:
        """The offset this chunk follows on from; ``None`` if it is empty and does not say."""
        if self.fetched_from is not None:
            return self.fetched_from
        return self.records[0].offset if self.records else None

    @property
    def ends_at(self) -> int | None:
        """The offset to go on from after it; ``None`` if it is empty and does not say."""
        after_last = self.records[-1].offset + 1 if self.records else None
        if self.next_offset is None or after_last is None:
            return self.next_offset if after_last is None else after_last
        return max(self.next_offset, after_last)

    def index_of(self, offset: int) -> int:
        """Index of the first record at or above ``offset``; the number of records if none is."""
        records = self.records
        if not records or records[0].offset >= offset:
            return 0
        return bisect_left(records, offset, key=_offset_of)

    def split(self, index: int) -> tuple["Chunk", "Chunk"]:
        """The records before ``index`` (1 or more) and the others, still without a break."""
        cut = self.records[index - 1].offset + 1
        return (
            Chunk(self.records[:index], self.fetched_from, cut),
            Chunk(self.records[index:], cut, self.next_offset),
        )
