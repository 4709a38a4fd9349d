"""Keeps the lane of one partition alive: opens, restores, feeds it, and mends it when it fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import (
    Gap,
    Interrupted,
    OutputTooLarge,
    Retryable,
    StoreCorrupt,
    StoreFailed,
    TimedOut,
)
from pipeline.engine.inbox import Inbox
from pipeline.engine.lane import Lane
from pipeline.engine.limits import LaneLimits
from pipeline.engine.oversize import Oversize
from pipeline.engine.ports import Changelog, Intake, Observer, Stage, Store, Timer, UnitOfWork
from pipeline.engine.restore import restore
from pipeline.engine.status import LaneState, LaneStatus
from pipeline.engine.timers import Timers
from pipeline.engine.work import Work

OUTPUT_TOO_LARGE = "output_too_large"
"""Reason of a dead letter whose record's outputs or state the broker does not take."""


class LaneSupervisor:
    """Runs the lane of one partition until it is closed; no failure ends it.

    Whatever fails, the answer is the same: close the unit of work hard, wait (0.1 s, doubling to
    5 s), open a new one, restore, and take the same chunk again, of which the position shows how
    much was done after all. ``open_unit``, ``open_store`` and ``changelog`` raise what they like.
    """

    def __init__(
        self,
        *,
        partition: int,
        stage: Stage,
        open_store: Callable[[], Store],
        changelog: Changelog | None,
        open_unit: Callable[[], UnitOfWork],
        intake: Intake,
        observer: Observer,
        limits: LaneLimits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic_seconds: Callable[[], float] = time.monotonic,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._partition = partition
        self._stage = stage
        self._open_store = open_store
        self._changelog = changelog
        self._open_unit = open_unit
        self._intake = intake
        self._observer = observer
        self._limits = limits = limits or LaneLimits()
        self._sleep = sleep
        self._monotonic = monotonic_seconds
        self._now = now_seconds
        self._inbox = Inbox(
            intake,
            partition=partition,
            max_records=limits.max_records,
            high_water=limits.high_water_records,
            low_water=limits.low_water_records,
        )
        self._store: Store | None = None
        self._timers = Timers(stage.due_of)
        self._unit: UnitOfWork | None = None
        self._lane: Lane | None = None
        self._hand: Chunk | None = None  # taken and not known to be committed
        self._tried: Sequence[Timer] = ()  # timers of the work under way
        self._oversize = Oversize(limits.max_timers)
        self._sought = False  # the intake delivers from where it was told to
        self._hole_seen = False  # the reader left records out, though the log holds them
        self._phase = "open"
        self._limit: asyncio.Timeout | None = None
        self._failures = 0
        self._task: asyncio.Task[object] | None = None
        self._closing = False
        self._state: LaneState = "new"
        self._detail = ""
        self._since = monotonic_seconds()
        self._last_commit: float | None = None

    @property
    def status(self) -> LaneStatus:
        return LaneStatus(
            partition=self._partition,
            state=self._state,
            detail=self._detail,
            since_seconds=self._since,
            next_offset=self._lane.position.next_offset if self._lane else 0,
            queued_records=self._inbox.queued_records,
            last_commit_seconds=self._last_commit,
        )

    def put(self, chunk: Chunk) -> None:
        """Queue ``chunk`` for the lane; never blocks, pauses the intake when it is full."""
        if not self._closing:
            self._inbox.put(chunk)

    async def run(self) -> None:
        """Serve the partition until ``close`` is called or the task is cancelled."""
        self._task = asyncio.current_task()
        try:
            while not self._closing:
                error = await self._attempt()
                if error is not None:
                    await self._mend(error)
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            self._closing = True
            await self._shut()

    async def close(self, grace_seconds: float) -> None:
        """End ``run``: a chunk under way may finish within ``grace_seconds``, then it is cut off.

        Cutting off loses nothing: the transaction is aborted, the next owner does the chunk.
        """
        self._closing = True
        task = self._task
        if task is None or task.done():
            return
        if self._hand is not None and self._phase in ("step", "commit"):
            await asyncio.wait({task}, timeout=grace_seconds)
        if not task.done():
            task.cancel()
            # Closing the unit is limited too; a second more, and whoever waits goes on.
            await asyncio.wait({task}, timeout=self._limits.close_seconds + 1.0)

    async def _attempt(self) -> Exception | None:
        """Open, restore, seek and serve; returns what ended it, ``None`` when closing."""
        try:
            lane = await self._start()
            while not self._closing:
                await self._serve(lane)
        except asyncio.CancelledError:
            if self._task is None or self._task.cancelling():
                raise
            # A client cancelled a future of its own (a producer closed hard does): not us.
            return Interrupted(f"partition {self._partition}: {self._phase} was cancelled below")
        except Exception as error:  # noqa: BLE001 - the lane's edge: told, and tried again
            return error
        return None

    async def _start(self) -> Lane:
        # First fence earlier owners, then read the changelog: nobody can write to it any more.
        async with self._limited("open"):
            self._become("opening")
            self._unit = unit = self._open_unit()
            await unit.open()
        async with self._limited("restore"):
            self._become("restoring")
            if self._store is None:
                self._store = self._open_store()
            await restore(
                self._store,
                self._changelog,
                now_ms=int(self._now() * 1000),
                tombstones_kept_ms=int(self._limits.tombstones_kept_seconds * 1000),
                timers=self._timers,
                on_batch=self._extend_limit,  # a large state may take as long as it moves on
            )
        before, self._lane = (
            self._lane,
            Lane(
                partition=self._partition,
                stage=self._stage,
                store=self._store,
                timers=self._timers,
                unit=unit,
                observer=self._observer,
                monotonic_seconds=self._monotonic,
                condemned_timers=self._oversize.timer_dues,
            ),
        )
        lane = self._lane
        if before is not None:
            lane.settle(before)
        async with self._limited("seek"):
            await self._seek(lane.position.next_offset)
        if not self._inbox.holds_again and not self._hole_seen:
            self._healthy()  # else a commit has to show it first
        return lane

    async def _seek(self, position: int) -> None:
        """Have the intake deliver from ``position``, unless what is at hand goes on from it."""
        if self._sought and self._inbox.continues(position):
            return
        self._sought = False
        self._inbox.restart(position)
        log_start = await self._intake.seek(position)
        if log_start is not None and log_start > position:
            if position > 0:
                raise Gap(partition=self._partition, expected=position, found=log_start)
            self._inbox.restart(log_start)  # a new lane owes nobody what was deleted before it
        self._sought = True

    async def _serve(self, lane: Lane) -> None:
        self._phase = "wait"
        position = lane.position
        if position.fired is None:
            self._hand = chunk = await self._inbox.take()
        else:  # timers left over from a tick wait for nothing
            self._hand = chunk = Chunk((), position.next_offset, position.next_offset)
        while not self._closing and await self._serve_piece(lane, chunk):
            pass
        self._hand = None

    async def _serve_piece(self, lane: Lane, chunk: Chunk) -> bool:
        """Step and commit what comes next; ``False`` if nothing is left of ``chunk``."""
        async with self._limited("step"):
            work = self._step(lane, chunk)
            if work is not None:
                self._tried = work.tried
                self._phase = "commit"
                await lane.commit(work)
                self._last_commit = self._monotonic()
                self._oversize.committed(work.position)
        self._hole_seen = False
        self._healthy()
        return work is not None

    def _step(self, lane: Lane, chunk: Chunk) -> Work | None:
        self._tried = ()
        if self._oversize.condemns(chunk):
            detail = "what this record leads to is larger than the log takes"
            return lane.refuse(chunk, OUTPUT_TOO_LARGE, detail)
        return lane.step(chunk, self._oversize.most_timers)

    async def _mend(self, error: Exception) -> None:
        self._observer.failed(self._partition, self._phase, error)
        hand, self._hand = self._hand, None
        await self._close_unit()
        self._drop_store(error)
        if hand is not None and isinstance(error, OutputTooLarge) and self._divide(hand):
            return  # no waiting: each halving ends sooner or later
        if hand is not None:
            self._inbox.give_back(hand)
        backoff = self._limits.first_backoff_seconds * 2 ** min(self._failures, 30)
        backoff = min(backoff, self._limits.longest_backoff_seconds)
        if isinstance(error, Retryable):
            backoff = max(backoff, error.retry_after_seconds)
        self._failures += 1
        self._hole_seen = isinstance(error, Gap) and self._phase == "wait"
        state: LaneState = "gap" if isinstance(error, Gap) else "retrying"
        self._become(state, f"{self._phase} failed: {type(error).__name__}: {error}")
        if not self._closing:
            await self._sleep(backoff)

    def _divide(self, chunk: Chunk) -> bool:
        """Give ``chunk`` back in smaller parts. ``False``: that is no use."""
        if self._lane is None:
            return False
        parts = self._oversize.divide(chunk, self._lane.position, self._tried)
        if parts is not None:
            self._inbox.give_back(*parts)
        return parts is not None

    def _drop_store(self, error: Exception) -> None:
        """A store that failed is opened anew; a damaged one is cleared, if it can be rebuilt."""
        store = self._store
        if store is None or not isinstance(error, StoreFailed):
            return
        self._store = None
        try:
            if isinstance(error, StoreCorrupt) and self._changelog is not None:
                store.clear()
            store.close()
        except StoreFailed as failed:
            self._observer.failed(self._partition, "close", failed)

    async def _close_unit(self) -> None:
        unit, self._unit = self._unit, None
        if unit is None:
            return
        try:
            # It promises to end in bounded time; a producer's stop() was seen to hang for ever.
            async with asyncio.timeout(self._limits.close_seconds):
                await unit.close()
        except Exception as error:  # noqa: BLE001 - the next unit's open() fences this one
            self._observer.failed(self._partition, "close", error)

    async def _shut(self) -> None:
        await self._close_unit()
        store, self._store = self._store, None
        if store is not None:
            store.close()
        self._become("closed")

    @asynccontextmanager
    async def _limited(self, phase: str) -> AsyncIterator[None]:
        seconds = self._limits.phase_seconds
        self._phase = phase
        try:
            async with asyncio.timeout(seconds) as self._limit:
                yield
        except TimeoutError as error:
            if self._limit is None or not self._limit.expired():
                raise
            raise TimedOut(
                f"partition {self._partition}: {self._phase} took longer than {seconds:g} s"
            ) from error

    def _extend_limit(self) -> None:
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._limits.phase_seconds)

    def _healthy(self) -> None:
        self._failures = 0
        self._become("running")

    def _become(self, state: LaneState, detail: str = "") -> None:
        # Between two tries a failing lane stays "retrying": whoever asks sees why, not a phase.
        if self._failures and state in ("opening", "restoring"):
            return
        if (state, detail) == (self._state, self._detail):
            return
        if state != self._state:
            self._since = self._monotonic()
        self._state, self._detail = state, detail
        self._observer.state_changed(self._partition, state, detail)
