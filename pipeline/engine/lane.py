"""The owner of one partition: steps chunks through the stage and commits what came of them."""

from collections.abc import Callable, Mapping, Sequence

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import Gap, TimerError
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import (
    Checkpoint,
    Observer,
    Position,
    Record,
    Stage,
    Store,
    UnitOfWork,
)
from pipeline.engine.stepping import Stepping
from pipeline.engine.timers import Timers
from pipeline.engine.work import Work


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
        timers: Timers,
        unit: UnitOfWork,
        observer: Observer,
        monotonic_seconds: Callable[[], float],
        condemned_timers: Mapping[bytes, int] | None = None,
    ) -> None:
        """``timers`` are those of the states in ``store``; ``condemned_timers``, by key with their
        due time, are left alone."""
        checkpoint = store.checkpoint()
        self._partition = partition
        self._stage = stage
        self._store = store
        self._timers = timers
        self._condemned = condemned_timers or {}
        self._unit = unit
        self._observer = observer
        self._now = monotonic_seconds
        self._changelog_id = checkpoint.changelog_id
        self._position = checkpoint.position
        self._replays = 0
        self._under_way: Chunk | None = None
        self._timers_fail = False
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
        """Step ``chunk`` to its end and commit it. Raises ``Gap`` or whatever a commit raises."""
        while (work := self.step(chunk)) is not None:
            await self.commit(work)

    def step(self, chunk: Chunk, most_timers: int = LaneLimits().max_timers) -> Work | None:
        """The next piece of work; ``None`` if nothing is left to do.

        First come timers left over from the last tick, whatever chunk is at hand. Then the records
        of the chunk at or above the position: all at once, or, where ticks among them fire more
        than ``most_timers``, in pieces, each to be committed before the next.

        Raises ``Gap`` if the chunk does not follow on from the position. A lane that never
        committed takes any beginning: no record of its log was promised to anybody.
        """
        started = self._now()
        stepping = self._stepping(most_timers)
        if self._position.fired is not None:
            next_offset = self._position.next_offset
            stepping.fire()
            return stepping.work(next_offset, started)
        records = self._pending(chunk)
        if not records:
            return None
        count = stepping.run(records)
        if count == len(records):
            return stepping.work(_end_of(chunk), started)
        return stepping.work(records[count - 1].offset + 1, started)

    def refuse(self, chunk: Chunk, reason: str, detail: str) -> Work | None:
        """Make dead letters of the records at or above the position, without stepping them."""
        started = self._now()
        records = self._pending(chunk)
        if not records:
            return None
        stepping = self._stepping(0)
        for record in records:
            stepping.dead_letter(record, reason, detail)
        return stepping.work(_end_of(chunk), started)

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
            self._timers.apply(work.dues, checkpoint)
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
            fired=len(work.tried) - len(work.failures),
            failed=len(work.failures),
            waiting=len(self._timers.dues),
            seconds=self._now() - work.started_seconds,
            told=work.told,
        )
        if work.failures and not self._timers_fail:
            # Once: they fail at every tick until whoever reads this has mended the stage.
            (due_ms, _), detail = work.failures[0]
            error = TimerError(f"{len(work.failures)}, the first of them due at {due_ms}: {detail}")
            self._observer.failed(self._partition, "timer", error)
        if work.tried:
            self._timers_fail = bool(work.failures)

    def _stepping(self, most_timers: int) -> Stepping:
        return Stepping(
            self._stage,
            self._store,
            self._timers,
            self._partition,
            self._position,
            most_timers=most_timers,
            condemned=self._condemned,
        )

    def _pending(self, chunk: Chunk) -> Sequence[Record]:
        expected, begins_at = self._position.next_offset, chunk.begins_at
        if begins_at is not None and begins_at > expected > 0:
            raise Gap(partition=self._partition, expected=expected, found=begins_at)
        skipped = chunk.index_of(expected)
        if chunk is not self._under_way:
            self._under_way = chunk
            self._replays += skipped
        return chunk.records[skipped:] if skipped else chunk.records


def _end_of(chunk: Chunk) -> int:
    ends_at = chunk.ends_at
    assert ends_at is not None  # noqa: S101 - only an empty chunk has no end
    return ends_at
