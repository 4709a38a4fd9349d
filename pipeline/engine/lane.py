"""The owner of one partition: steps chunks through the stage and commits what came of them."""

from collections.abc import Callable, Sequence

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import Gap
from pipeline.engine.ports import (
    Checkpoint,
    Observer,
    Position,
    Record,
    Stage,
    Store,
    UnitOfWork,
)
from pipeline.engine.stepping import Stepping, Work


class Lane:
    """One partition from a restored store on. A lane that failed is thrown away, not mended.

    Nothing a chunk changes is seen outside of its ``Work`` before the commit: if that fails, the
    work is dropped and the store stands where it stood.
    """

    def __init__(
        self,
        *,
        partition: int,
        stage: Stage,
        store: Store,
        unit: UnitOfWork,
        observer: Observer,
        monotonic_seconds: Callable[[], float],
    ) -> None:
        checkpoint = store.checkpoint()
        self._partition = partition
        self._stage = stage
        self._store = store
        self._unit = unit
        self._observer = observer
        self._now = monotonic_seconds
        self._changelog_id = checkpoint.changelog_id
        self._position = checkpoint.position
        self._replays = 0
        self._unsettled: Work | None = None

    @property
    def position(self) -> Position:
        """How far this lane has committed."""
        return self._position

    @property
    def replays(self) -> int:
        """Records skipped because an earlier commit covers them; they are in no metric."""
        return self._replays

    async def process(self, chunk: Chunk) -> None:
        """Step ``chunk`` and commit it. Raises ``Gap`` or whatever the commit raises."""
        work = self.step(chunk)
        if work is not None:
            await self.commit(work)

    def step(self, chunk: Chunk) -> Work | None:
        """Step the records at or above the position; ``None`` if there is none.

        Raises ``Gap`` if the chunk does not follow on from the position. A lane that never
        committed takes any beginning: no record of its log was promised to anybody.
        """
        started = self._now()
        records = self._pending(chunk)
        if not records:
            return None
        stepping = Stepping(self._stage, self._store, self._partition, self._position.clock_ms)
        stepping.run(records)
        return stepping.work(self._after(chunk, stepping.clock_ms), started)

    def refuse(self, chunk: Chunk, reason: str, detail: str) -> Work | None:
        """Make dead letters of the records at or above the position, without stepping them."""
        started = self._now()
        records = self._pending(chunk)
        if not records:
            return None
        stepping = Stepping(self._stage, self._store, self._partition, self._position.clock_ms)
        for record in records:
            stepping.dead_letter(record, reason, detail)
        return stepping.work(self._after(chunk, stepping.clock_ms), started)

    async def commit(self, work: Work) -> None:
        """Make ``work`` durable, then bring the store up to it, then tell the observer.

        A crash between commit and store is harmless: the store's checkpoint still names the old
        changelog offset, so the next owner reads the rest from there before it does anything.

        The lane trusts a commit that returns: a unit of work must look at the fate of every
        record it sent before it commits. (A client was seen to commit a transaction of which a
        batch had failed: too large, too few replicas. It lost most of a run.)
        """
        unit = self._unit
        await unit.begin()
        await unit.send(work.outputs, work.changes, work.position)
        await unit.send_offsets(work.position)
        self._unsettled = work
        changelog_offset = await unit.commit()
        self._unsettled = None
        # No await from here on: a cancellation must not come between the commit and the store.
        checkpoint = Checkpoint(work.position, changelog_offset, self._changelog_id)
        try:
            self._store.apply(work.changes, checkpoint)
            self._position = work.position
        finally:
            # A store that failed changes nothing about what was committed.
            self._tell(work)

    def settle(self, before: "Lane") -> None:
        """Tell of what ``before`` committed without knowing: the restored position shows it."""
        work = before._unsettled
        if work is not None and work.position == self._position:
            self._tell(work)

    def _tell(self, work: Work) -> None:
        self._observer.committed(
            self._partition,
            processed=work.processed,
            duplicates=work.duplicates,
            refused=work.refused,
            outputs=len(work.outputs),
            seconds=self._now() - work.started_seconds,
        )

    def _pending(self, chunk: Chunk) -> Sequence[Record]:
        expected, begins_at = self._position.next_offset, chunk.begins_at
        if begins_at is not None and begins_at > expected > 0:
            raise Gap(partition=self._partition, expected=expected, found=begins_at)
        skipped = chunk.index_of(expected)
        self._replays += skipped
        return chunk.records[skipped:] if skipped else chunk.records

    def _after(self, chunk: Chunk, clock_ms: int) -> Position:
        ends_at = chunk.ends_at
        assert ends_at is not None  # noqa: S101 - only an empty chunk has no end
        return Position(ends_at, clock_ms)
