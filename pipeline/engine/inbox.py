"""The chunks waiting for one lane: merged when taken, bounded by pausing their source."""

import asyncio
from collections import deque

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import Gap
from pipeline.engine.ports import Intake, Record


class Inbox:
    """A queue of chunks that follow on from each other without a break.

    A full inbox pauses its partition and never blocks who fills it: one reader feeds the lanes
    of all partitions. A chunk that does not follow on is dropped with all after it, and ``take``
    raises ``Gap`` when it comes to that place; ``restart`` begins a new chain.
    """

    def __init__(
        self, intake: Intake, *, partition: int, max_records: int, high_water: int, low_water: int
    ) -> None:
        if not 0 <= low_water < high_water:
            raise ValueError(f"low water {low_water} must be below high water {high_water}")
        self._intake = intake
        self._partition = partition
        self._max_records = max_records
        self._high_water = high_water
        self._low_water = low_water
        self._again: deque[Chunk] = deque()  # given back by a lane that failed; never merged
        self._queue: deque[Chunk] = deque()
        self._queued = 0
        self._paused = False
        self._arrived = asyncio.Event()
        self._begins_at: int | None = None  # what the next chunk follows on from
        self._read_to: int | None = None  # where its reader stood after the last chunk
        self._hole: Gap | None = None

    @property
    def queued_records(self) -> int:
        return self._queued

    @property
    def holds_again(self) -> bool:
        """Whether a chunk that was given back still waits."""
        return bool(self._again)

    def put(self, chunk: Chunk) -> None:
        """Queue ``chunk``; never blocks. Records that are already queued are cut off."""
        begins_at, ends_at = chunk.begins_at, chunk.ends_at
        if begins_at is None or ends_at is None or self._hole is not None:
            return
        if self._begins_at is None or self._read_to is None:
            self._begins_at = self._read_to = begins_at
        if begins_at > self._read_to:
            self._hole = Gap(partition=self._partition, expected=self._read_to, found=begins_at)
            self._arrived.set()
            return
        records = chunk.records[chunk.index_of(self._begins_at) :]
        self._read_to = max(self._read_to, ends_at)
        if not records:
            return
        # Control records between two chunks are no gap: the reader passed them.
        self._queue.append(Chunk(records, self._begins_at, ends_at))
        self._begins_at = ends_at
        self._queued += len(records)
        if self._queued >= self._high_water and not self._paused:
            self._paused = True
            self._intake.pause()
        self._arrived.set()

    async def take(self) -> Chunk:
        """The next chunk; what queued up is merged up to ``max_records``. Raises ``Gap``."""
        while not self._again and not self._queue:
            if self._hole is not None:
                raise self._hole
            self._arrived.clear()
            await self._arrived.wait()
        if self._again:
            return self._again.popleft()
        chunk = self._merge()
        self._queued -= len(chunk.records)
        if self._paused and self._queued <= self._low_water:
            self._resume()
        return chunk

    def give_back(self, *chunks: Chunk) -> None:
        """Put ``chunks`` in front of everything; they are taken again one by one."""
        self._again.extendleft(reversed(chunks))
        self._arrived.set()

    def continues(self, offset: int) -> bool:
        """Whether what is held here, and what its reader brings next, goes on from ``offset``."""
        if self._begins_at is None or self._read_to is None or self._hole is not None:
            return False
        first = self._again or self._queue
        begins_at = first[0].begins_at if first else self._begins_at
        return begins_at is not None and begins_at <= offset <= self._read_to

    def restart(self, offset: int) -> None:
        """Drop everything and accept what follows on from ``offset``."""
        self._again.clear()
        self._queue.clear()
        self._queued = 0
        self._hole = None
        self._begins_at = self._read_to = offset
        if self._paused:
            self._resume()

    def _merge(self) -> Chunk:
        queue, most = self._queue, self._max_records
        first = queue.popleft()
        if len(first.records) > most:
            first, rest = first.split(most)
            queue.appendleft(rest)
            return first
        if not queue or len(first.records) + len(queue[0].records) > most:
            return first
        records: list[Record] = list(first.records)
        last = first
        while queue and len(records) + len(queue[0].records) <= most:
            last = queue.popleft()
            records.extend(last.records)
        return Chunk(records, first.fetched_from, last.next_offset)

    def _resume(self) -> None:
        self._paused = False
        self._intake.resume()
