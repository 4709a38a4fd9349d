"""In-memory stand-ins for what the engine is handed: a log with transactions, a stage, a clock."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.engine.chunk import Chunk
from pipeline.engine.codec import POSITION_CODEC
from pipeline.engine.errors import Fenced, OutputTooLarge
from pipeline.engine.ports import (
    POSITION_KEY,
    ChangelogEntry,
    Changes,
    Labels,
    LogRecord,
    Output,
    Position,
    Read,
    Record,
    Refused,
    Stepped,
    Tick,
)

PARTITION = 3


class Crash(Exception):  # noqa: N818
    """The process died here."""


def call(offset: int, key: str = "ann", value: str = "call") -> LogRecord:
    return LogRecord(offset, key.encode(), value.encode())


def tick(offset: int, clock_ms: int) -> LogRecord:
    return LogRecord(offset, b"clock", f"tick {clock_ms}".encode())


class CountingStage:
    """Counts the records of each key; its outputs name their record and the count it made.

    Values it knows: ``call``, ``tick <ms>``, ``bad`` (refused), ``boom`` (step raises),
    ``unreadable`` (read raises), ``seen`` (a duplicate), ``erase``, ``huge`` (an output of 1,000
    bytes). Reading and stepping are pure.
    """

    name = "counting"

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        value = record.value or b""
        if value.startswith(b"tick "):
            return Tick(int(value[5:]))
        if value == b"bad":
            return self.refuse(record, partition, "bad", "")
        if value == b"unreadable":
            raise ValueError("a bug in reading")
        return Read(record.key or b"", (record.offset, value))

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        outputs: list[Output] = []
        duplicates = 0
        for each in inputs:
            assert isinstance(each, tuple)
            offset, value = each
            if value == b"boom":
                raise ZeroDivisionError("a bug in stepping")
            if value == b"seen":
                duplicates += 1
                outputs.append(Output("seen", key, b"%d" % offset))
                continue
            count = int(state or b"0") + 1
            state = None if value == b"erase" else b"%d" % count
            filler = b"x" * 1_000 if value == b"huge" else b""
            outputs.append(Output("counts", key, b"%d %d %s" % (offset, count, filler)))
        return Stepped(state, outputs, duplicates)

    def due_of(self, state: bytes) -> int | None:
        return None

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        value = b"%d %s" % (record.offset, reason.encode())
        return Refused(reason, Output("dead", record.key or b"", value))


class Seen(NamedTuple):
    """What the committed outputs say: every record's offset, and every key's counts in order."""

    offsets: list[int]
    counts: dict[bytes, list[int]]


class FakeBroker:
    """One partition of everything: outputs, changelog and fencing, with atomic commits.

    Each transaction is followed by a control record that takes an offset of the changelog and is
    never delivered, as in Kafka.
    """

    def __init__(self) -> None:
        self.identity_name = "changelog-1"
        self.outputs: list[Output] = []
        self.entries: list[ChangelogEntry] = []
        self.changelog_start = 0
        self.changelog_end = 0
        self.epoch = 0
        self.group_offset: int | None = None
        self.commits: list[Position] = []
        self.transactions: list[Changes] = []
        self.read_from: list[int] = []

    def append(self, outputs: Sequence[Output], changes: Changes, position: Position) -> int:
        self.outputs += outputs
        entries = {**changes, POSITION_KEY: POSITION_CODEC.encode(position)}
        for key, value in entries.items():
            self.entries.append(ChangelogEntry(self.changelog_end, key, value))
            self.changelog_end += 1
        written_up_to = self.changelog_end
        self.changelog_end += 1
        self.commits.append(position)
        self.transactions.append(changes)
        return written_up_to

    def compact(self, *, drop_tombstones: bool = False) -> None:
        latest = {entry.key: entry for entry in self.entries}
        self.entries = [
            entry
            for entry in self.entries
            if latest[entry.key] is entry and not (drop_tombstones and entry.value is None)
        ]

    def delete_below(self, offset: int) -> None:
        self.entries = [entry for entry in self.entries if entry.offset >= offset]
        self.changelog_start = offset

    async def identity(self) -> str:
        return self.identity_name

    async def bounds(self) -> tuple[int, int]:
        return self.changelog_start, self.changelog_end

    async def read(self, start: int, end: int) -> AsyncIterator[Sequence[ChangelogEntry]]:
        self.read_from.append(start)
        entries = [entry for entry in self.entries if start <= entry.offset < end]
        for first in range(0, len(entries), 3):
            await asyncio.sleep(0)
            yield entries[first : first + 3]

    def seen(self) -> Seen:
        offsets: list[int] = []
        counts: dict[bytes, list[int]] = {}
        for output in self.outputs:
            first, *rest = output.value.split()
            offsets.append(int(first))
            if output.topic == "counts":
                counts.setdefault(output.key, []).append(int(rest[0]))
        return Seen(offsets, counts)


STEPS = (
    "open",
    "begin",
    "send",
    "after send",
    "after offsets",
    "after commit",
)
"""Where a unit of work can break. After the commit its outcome is not known to the lane."""


class Faults:
    """Errors to raise, by step; each is raised once. A hang waits for ever instead."""

    def __init__(self) -> None:
        self.planned: dict[str, list[BaseException | None]] = {}

    def at(self, step: str, *errors: BaseException) -> "Faults":
        self.planned.setdefault(step, []).extend(errors)
        return self

    def hang_at(self, step: str) -> "Faults":
        self.planned.setdefault(step, []).append(None)
        return self

    async def reach(self, step: str) -> None:
        await asyncio.sleep(0)
        if not self.planned.get(step):
            return
        error = self.planned[step].pop(0)
        if error is not None:
            raise error
        await asyncio.Event().wait()


class FakeUnit:
    """A transactional producer of ``FakeBroker``: opening it fences all earlier ones."""

    def __init__(
        self, broker: FakeBroker, faults: Faults | None = None, *, largest_bytes: int = 500
    ) -> None:
        self._broker = broker
        self._faults = faults or Faults()
        self._largest_bytes = largest_bytes
        self._epoch = -1
        self._pending: tuple[Sequence[Output], Changes, Position] | None = None
        self._offset: int | None = None
        self._begun = False
        self.closed = False

    async def open(self) -> None:
        await self._faults.reach("open")
        self._broker.epoch += 1
        self._epoch = self._broker.epoch

    async def begin(self) -> None:
        assert not self._begun
        await self._faults.reach("begin")
        self._begun = True

    async def send(self, outputs: Sequence[Output], changes: Changes, position: Position) -> None:
        await self._faults.reach("send")
        if any(len(output.value) > self._largest_bytes for output in outputs):
            raise OutputTooLarge(f"an output is larger than {self._largest_bytes} bytes")
        self._pending = (list(outputs), dict(changes), position)
        await self._faults.reach("after send")

    async def send_offsets(self, position: Position) -> None:
        self._offset = position.next_offset
        await self._faults.reach("after offsets")

    async def commit(self) -> int:
        assert self._begun
        assert self._pending is not None
        if self._epoch != self._broker.epoch:
            raise Fenced("a newer producer has this transactional id")
        end = self._broker.append(*self._pending)
        self._broker.group_offset = self._offset
        self._pending, self._begun = None, False
        await self._faults.reach("after commit")
        return end

    async def close(self) -> None:
        await self._faults.reach("close")
        self.closed = True


class FakeLog:
    """A source log and its reader; with ``lane_put`` set it delivers like a fetcher would."""

    def __init__(self, records: Iterable[LogRecord] = ()) -> None:
        self.records = list(records)
        self.log_start = 0
        self.position = 0
        self.paused = False
        self.pauses = 0
        self.seeks: list[int] = []

    def pause(self) -> None:
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False

    async def seek(self, offset: int) -> int | None:
        await asyncio.sleep(0)
        self.seeks.append(offset)
        self.position = max(offset, self.log_start)
        return self.log_start

    def fetch(self, most: int) -> Chunk | None:
        """The next chunk, or ``None`` at the end or while paused."""
        waiting = [record for record in self.records if record.offset >= self.position]
        if not waiting or self.paused:
            return None
        fetched_from, taken = self.position, waiting[:most]
        self.position = taken[-1].offset + 1
        if len(waiting) > most:  # a reader passes control records up to the next record
            self.position = waiting[most].offset
        return Chunk(taken, fetched_from, self.position)


class Committed(NamedTuple):
    processed: int
    duplicates: int
    refused: dict[str, int]
    outputs: int
    fired: int
    failed: int
    waiting: int


class FakeObserver:
    def __init__(self) -> None:
        self.commits: list[Committed] = []
        self.told: Counter[Labels] = Counter()
        self.failures: list[tuple[str, BaseException]] = []
        self.states: list[tuple[str, str]] = []
        self.on_committed: Callable[[], None] = lambda: None

    def committed(
        self,
        partition: int,
        *,
        processed: int,
        duplicates: int,
        refused: Mapping[str, int],
        outputs: int,
        fired: int,
        failed: int,
        waiting: int,
        seconds: float,
        told: Mapping[Labels, int],
    ) -> None:
        assert partition == PARTITION
        assert seconds >= 0
        made = Committed(processed, duplicates, dict(refused), outputs, fired, failed, waiting)
        self.commits.append(made)
        self.told.update(told)
        self.on_committed()

    def failed(self, partition: int, phase: str, error: BaseException) -> None:
        self.failures.append((phase, error))

    def state_changed(self, partition: int, state: str, detail: str) -> None:
        self.states.append((state, detail))

    @property
    def accounted(self) -> int:
        return sum(c.processed + c.duplicates + sum(c.refused.values()) for c in self.commits)


class FakeTime:
    """A monotonic clock that only sleeping moves; remembers how long it slept."""

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now_seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_seconds += seconds
        await asyncio.sleep(0)


async def wait_until(condition: Callable[[], bool], *, deadline_seconds: float = 5.0) -> None:
    """Yield to other tasks until ``condition`` holds; fails at the deadline."""
    async with asyncio.timeout(deadline_seconds):
        while not condition():  # noqa: ASYNC110 - the condition may be about anything
            await asyncio.sleep(0.001)
