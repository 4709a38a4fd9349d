"""Runs the pipeline in one process: the log, one lane in a thread of its own, and its clock."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from pipeline.adapters.embedded.files import FileLock, Files, StartRefused
from pipeline.adapters.embedded.log import EventLog, LogLimits
from pipeline.adapters.embedded.log_reader import LogFeed, LogReader
from pipeline.adapters.embedded.store import SqliteStore, StateFile
from pipeline.adapters.embedded.ticker import PARTITION, TickValue, tick
from pipeline.adapters.embedded.unit_of_work import SqliteUnitOfWork, WriteOutputs
from pipeline.adapters.http.ports import Busy, Condition, Entry, Once
from pipeline.engine.errors import StoreFailed
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import Observer, Output, Stage
from pipeline.engine.status import LaneStatus
from pipeline.engine.supervisor import LaneSupervisor

log = logging.getLogger(__name__)

_LANE: Final = LaneLimits(
    max_records=1_000, max_timers=500, high_water_records=4_000, low_water_records=1_000
)
"""Smaller than on a broker: the log is at hand, and HTTP shares the processor with the lane."""


class EmbeddedLimits(NamedTuple):
    """What bounds the embedded pipeline."""

    lag_records: int = 10_000
    """Events appended and not processed at which ingest answers 429: some seconds of work."""
    lag_retry_seconds: float = 1.0
    tick_seconds: float = 1.0
    log: LogLimits = LogLimits()
    lane: LaneLimits = _LANE


class EmbeddedRunner:
    """``Ingest`` and ``Readiness`` of one process on two SQLite files.

    ``prepare`` makes the tables of the outputs, once, before anything is processed;
    ``write_outputs`` writes rows into them in the lane's transaction. ``now_ms`` is the clock, in
    milliseconds since 1970. ``append`` may be called from any event loop.
    """

    def __init__(
        self,
        files: Files,
        *,
        stage: Stage,
        prepare: Callable[[Engine], object],
        write_outputs: WriteOutputs,
        observer: Observer,
        tick_value: TickValue,
        now_ms: Callable[[], int],
        limits: EmbeddedLimits = EmbeddedLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._files = files
        self._stage = stage
        self._prepare = prepare
        self._write_outputs = write_outputs
        self._observer = observer
        self._tick_value = tick_value
        self._now_ms = now_ms
        self._limits = limits
        self._log = EventLog(files.log, limits.log)
        self._state = StateFile(files.state)
        self._lock: FileLock | None = None
        self._supervisor: LaneSupervisor | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._grace_seconds = 0.0
        self._begun_at = 0
        self._fatal: str | None = None

    def start(self) -> None:
        """Open the files and start the lane; it is ready when ``conditions`` says so.

        Raises ``StartRefused`` with what to do: files in use, not fitting, not to be written.
        """
        try:
            self._open_files()
        except (sqlite3.Error, DBAPIError, StoreFailed, OSError) as error:
            raise StartRefused(f"{self._files.state}: cannot be used: {error}") from error
        begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(begun,), name="lane-0", daemon=True)
        self._thread.start()
        begun.wait()

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Let the chunk under way finish within ``grace_seconds``, then close everything."""
        loop, stopping, thread = self._loop, self._stopping, self._thread
        if thread is not None and loop is not None and stopping is not None:
            self._grace_seconds = grace_seconds
            if thread.is_alive():
                loop.call_soon_threadsafe(stopping.set)
            thread.join()
        self._log.close()
        if self._lock is not None:
            self._lock.release()

    def check_room(self) -> None:
        """See ``Ingest.check_room``."""
        lag = self.lag_records
        if lag > self._limits.lag_records:
            raise Busy(
                f"{lag} events wait to be processed",
                retry_after_seconds=self._limits.lag_retry_seconds,
            )

    async def append(
        self, entries: Sequence[Entry], received_ms: int, once: Once | None = None
    ) -> bytes | None:
        """See ``Ingest.append``; raises ``Busy`` while too much waits to be processed."""
        if entries:
            self.check_room()
        return await self._log.append(entries, received_ms, once)

    async def append_own(self, entry: Entry) -> None:
        """Append an event that the pipeline itself made; durable when it returns.

        Never ``Busy``: what has been done must be told. Raises ``Unavailable``.
        """
        await self._log.append([entry], self._now_ms(), bounded=False)

    @property
    def lag_records(self) -> int:
        """Records appended and not yet processed."""
        status = self.status
        done = max(self._begun_at, 0 if status is None else status.next_offset)
        return max(0, self._log.end - done)

    @property
    def status(self) -> LaneStatus | None:
        """How the lane is; ``None`` before it started."""
        return None if self._supervisor is None else self._supervisor.status

    def conditions(self) -> Sequence[Condition]:
        failure, status = self._log.failure, self.status
        name = f"lane {PARTITION}"
        if self._fatal is not None:
            lane = Condition(name, False, "dead", self._fatal)
        elif status is None:
            lane = Condition(name, False, "new", "not started")
        else:
            lane = Condition(name, status.ready, status.state, status.detail)
        state = "running" if failure is None else "failing"
        return (Condition("log", failure is None, state, failure or ""), lane)

    def fatal(self) -> str | None:
        return self._fatal

    def _open_files(self) -> None:
        self._files.state.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._files.lock)
        try:
            self._log.open()
            self._begun_at = self._state.bind(self._log.identity, self._log.end).next_offset
            self._prepare(self._state.engine)
        except BaseException:
            self._log.close()
            lock.release()
            raise
        self._lock = lock

    async def _append_looped(self, outputs: Sequence[Output]) -> None:
        # Past the lane's own lag: to refuse it for that would be to wait for itself.
        entries = [Entry(output.key, output.value) for output in outputs]
        await self._log.append(entries, self._now_ms(), bounded=False)

    def _run(self, begun: threading.Event) -> None:
        try:
            asyncio.run(self._serve(begun))
        except Exception as error:
            # The thread's edge: without it a bug would leave a process that only takes events in.
            self._fatal = f"the lane ended: {type(error).__name__}"
            log.exception("the lane ended")
        finally:
            begun.set()

    async def _serve(self, begun: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        reader = LogReader(self._files.log)
        feed = LogFeed(self._log, reader)
        self._supervisor = supervisor = LaneSupervisor(
            partition=PARTITION,
            stage=self._stage,
            open_store=lambda: SqliteStore(self._state),
            changelog=None,
            open_unit=lambda: SqliteUnitOfWork(
                self._state, self._write_outputs, self._append_looped
            ),
            intake=feed,
            observer=self._observer,
            limits=self._limits.lane,
            monotonic_seconds=time.monotonic,
            now_seconds=lambda: self._now_ms() / 1000,
        )
        begun.set()
        clock = tick(self._log, self._tick_value, self._now_ms, self._limits.tick_seconds)
        try:
            async with asyncio.TaskGroup() as tasks:
                lane = tasks.create_task(supervisor.run())
                others = [
                    tasks.create_task(feed.run(supervisor.put)),
                    tasks.create_task(clock),
                ]
                await self._stopping.wait()
                await supervisor.close(self._grace_seconds)
                for task in (lane, *others):
                    task.cancel()
        finally:
            reader.close()
