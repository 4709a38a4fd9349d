"""What the engine needs from the outside, and nothing more.

The engine moves records of one partition through a stage and makes the result durable. It is
handed everything that touches a broker, a database or a disk through the protocols below, so its
tests run with fakes in memory.

One principle rules them all: *the position lives with what it produced*. Outputs, state changes
and the source position they came from become visible in one atomic step, and on start the
position is read from where that step put it, never from anywhere else.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec


class Record(Protocol):
    """One record of the source log. aiokafka's ``ConsumerRecord`` already has this shape."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970 at which the log took the record; negative if unknown."""
        ...

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class LogRecord(msgspec.Struct, frozen=True):
    """A plain ``Record``, for logs that bring none of their own."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = -1
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Output(NamedTuple):
    """One record to publish: a topic name, the key that orders it, and its bytes.

    An output to the topic that the stage reads comes back to it as a record like any other, under
    its key and so perhaps in another partition. Nothing here ends a loop: the stage must.
    """

    topic: str
    key: bytes
    value: bytes


Timer = tuple[int, bytes]
"""When the state of a key is due, in milliseconds since 1970, and the key; in firing order."""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """How far a partition was worked through.

    ``next_offset`` is the offset of the first record not yet processed; ``clock_ms`` the highest
    ``clock.ticked`` time seen, in milliseconds since 1970 (0 before the first tick).
    ``fired`` is the last timer fired at that tick while others are left to fire at it, ``None``
    once all of them have.
    """

    next_offset: int = 0
    clock_ms: int = 0
    fired: Timer | None = None


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """How far a local store stands: the source position, and the changelog read up to.

    ``changelog_id`` names the changelog's incarnation (a topic id): a topic that was deleted and
    made anew must not be mistaken for the one the store was built from.
    """

    position: Position = Position()
    changelog_offset: int = 0
    changelog_id: str = ""


Changes = Mapping[bytes, bytes | None]
"""State by key after a chunk; ``None`` is a tombstone: the state is erased."""


class Store(Protocol):
    """The states of one partition, bytes by key. No live objects are kept above it."""

    def checkpoint(self) -> Checkpoint: ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The states of ``keys``, in their order; ``None`` where there is none."""
        ...

    def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Write ``changes`` and ``checkpoint`` in one atomic batch."""
        ...

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every key and state, in any order."""
        ...

    def clear(self) -> None:
        """Throw everything away, the checkpoint too: the store is rebuilt from its changelog."""
        ...

    def close(self) -> None: ...


class ChangelogEntry(NamedTuple):
    """One record of a state changelog; ``value`` is ``None`` for a tombstone."""

    offset: int
    key: bytes
    value: bytes | None


class Changelog(Protocol):
    """The durable history of a partition's states, compacted by key, read-committed.

    The position of the partition is a record in it too, under ``POSITION_KEY``.
    """

    async def identity(self) -> str: ...

    async def bounds(self) -> tuple[int, int]:
        """First retained offset, and the offset after the last committed record."""
        ...

    def read(self, start: int, end: int) -> AsyncIterator[Sequence[ChangelogEntry]]:
        """Committed entries with ``start <= offset < end``, in order, in batches.

        Ends when the *position* of the reader has passed ``end``: control records of transactions
        take offsets and are never delivered, so the last offset may never be received.
        """
        ...


POSITION_KEY = b"\x00position"
"""Key of the position record. Customer ids cannot contain a NUL, so it meets no state's key."""


class UnitOfWork(Protocol):
    """The atomic writer of one partition.

    The lane calls, in this order: ``open`` once; then for every chunk ``begin``, ``send``,
    ``send_offsets``, ``commit``. Any exception means that nothing of the chunk is known to be
    visible: the supervisor then closes it hard, opens a new one and looks at the position.
    """

    async def open(self) -> None:
        """Take ownership: after it returns no earlier owner of this partition can commit."""
        ...

    async def begin(self) -> None: ...

    async def send(self, outputs: Sequence[Output], changes: Changes, position: Position) -> None:
        """Write outputs, state changes and the position. Not visible before ``commit``.

        Outputs to the source topic are appended where their key belongs. A unit whose log is not
        part of its atomic step may append them again after a failure, never leave them out.
        """
        ...

    async def send_offsets(self, position: Position) -> None:
        """Publish the position as group offset: a hint for lag tools and the next fetch."""
        ...

    async def commit(self) -> int:
        """Make everything visible at once; returns the changelog offset after its last record."""
        ...

    async def close(self) -> None:
        """Give up ownership, aborting what is under way. Returns in bounded time, never raises."""
        ...


class Intake(Protocol):
    """Where chunks of one partition come from, as far as a full or a new lane must steer it."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    async def seek(self, offset: int) -> int | None:
        """Deliver from ``offset`` on; called when a restored position says so.

        Returns the earliest offset the log still holds, ``None`` if it cannot say. Delivery
        starts there if ``offset`` is below it; the lane judges whether that is a gap.
        """
        ...


class Read(NamedTuple):
    """A record understood by a stage: ``key`` groups it, ``input`` is handed to ``step``."""

    key: bytes
    input: object


class Tick(NamedTuple):
    """A ``clock.ticked`` record: time in this partition has reached ``clock_ms``."""

    clock_ms: int


class Refused(NamedTuple):
    """A record that cannot be processed: its dead letter, and the reason as a metric label."""

    reason: str
    output: Output


class Due(NamedTuple):
    """Time has reached what a state was due at: an input of ``step`` that no record brought.

    ``clock_ms`` is the partition's clock, in milliseconds since 1970; it may be far past the due
    time where ticks were rare.
    """

    clock_ms: int


Labels = tuple[str, ...]
"""What a stage counts: the name of the count, then its labels."""


class Stepped(NamedTuple):
    """What one group of inputs came to.

    ``state`` is the new state, the same object as before if nothing changed, ``None`` if erased.
    ``duplicates`` of the inputs were seen before and changed nothing. ``due_ms`` is what
    ``due_of`` gives for the new state; it is not looked at if the state is the same object or
    erased. ``told`` are labels of what the stage wants counted once this is durable.
    """

    state: bytes | None
    outputs: list[Output]
    duplicates: int
    due_ms: int | None = None
    told: Sequence[Labels] = ()


class Stage(Protocol):
    """The pure work of one pipeline stage, bytes in and bytes out.

    No method does input or output, asks a clock or throws dice: the same call gives the same
    answer.
    """

    @property
    def name(self) -> str: ...

    def read(self, record: Record, partition: int) -> Read | Tick | Refused: ...

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        """Take ``inputs`` in their order: those read for ``key``, or one ``Due`` alone.

        A ``Due`` comes at the first tick at or after the time that the state was due at. A due
        time that the step leaves behind it fires at the same tick still if it is later than the
        one that fired, else at the next tick. A step that raises on a ``Due`` leaves the state as
        it is, and is tried again at the next tick.

        ``clock_ms`` is what the partition's clock showed where the inputs stand in the log, in
        milliseconds since 1970, 0 before its first tick: an event may be told of long after it.
        """
        ...

    def due_of(self, state: bytes) -> int | None:
        """When ``state`` wants a ``Due``, in milliseconds since 1970; ``None``: never.

        Any waiting for late events is in it already. Asked of every state when a lane opens, so
        it should be quick.
        """
        ...

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        """The dead letter of a record that ``step`` could not take."""
        ...


class Observer(Protocol):
    """Where the engine tells what happened; telemetry turns it into metrics and logs.

    Every record read is told exactly once, after its chunk was committed:
    ``read == processed + duplicates + refused`` (ticks are counted as processed). Timers are no
    records: ``fired`` were stepped, ``failed`` could not be and are due again at the next tick,
    ``waiting`` are all that the partition has now. ``told`` is what the stage counted.
    """

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
    ) -> None: ...

    def failed(self, partition: int, phase: str, error: BaseException) -> None:
        """A phase (open, restore, step, commit) failed and will be tried again, or some timers."""
        ...

    def state_changed(self, partition: int, state: str, detail: str) -> None:
        """The lane is now ``opening``, ``restoring``, ``running``, ``retrying``, ... and why."""
        ...
