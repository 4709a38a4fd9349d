"""Runs a file of events through the pure core, as an engine would, and writes what comes of it."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from pipeline.core.admission import Admitted
from pipeline.core.policy.compiled import Policy
from pipeline.engine.ports import Checkpoint, Output, Position, Read, Tick
from pipeline.engine.stepping import Stepping
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from pipeline.engine.work import Work
from pipeline.stages.allocate import AllocateStage
from pipeline.stages.both import BothStages
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools.files import whole_file
from pipeline.tools.lines import PARTITION, Line, ReadBefore, lines_of, read_line
from pipeline.tools.replay_files import FILES, ReplayFiles
from schemas.topics import READ_BY_STAGES

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all."""

_HOUR_S: Final = 3_600.0
_CHUNK_LINES: Final = 2_000


class ReplayReport(NamedTuple):
    """What became of a file's events: ``read == processed + duplicates + rejected``.

    ``looped`` ones among them stood in no line: events before them sent them to other keys.
    ``ticks`` were put between the lines and are not counted among them; nor are the timers that
    they ``fired``, or those that ``failed``. ``digests`` are the SHA-256 of the files written, by
    name, in hexadecimal.
    """

    read: int
    looped: int
    processed: int
    duplicates: int
    rejected: int
    customers: int
    ticks: int
    fired: int
    failed: int
    digests: dict[str, str]


def replay(
    events: Path,
    out: Path,
    progress: Progress,
    *,
    policy: Policy,
    version: str,
    chunk_lines: int = _CHUNK_LINES,
) -> ReplayReport:
    """Replay the JSON Lines in ``events`` and write ``FILES`` into the folder ``out``.

    ``ReplayFiles`` says what is in which file, and in what order. Before the first event of an
    hour later than any so far, a tick tells that hour and fires all timers that are due. What an
    event sends to another customer or to a campaign is processed before the next line. No result
    depends on ``chunk_lines``. Blank lines are no events and are not counted. Raises ``OSError``
    if a file cannot be read or written; then ``out`` is left as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        source = stack.enter_context(events.open("rb"))
        whole = {name: stack.enter_context(whole_file(out / name)) for name in FILES}
        files = stack.enter_context(ReplayFiles(whole))
        run = _Replay(files, policy, version, chunk_lines)
        total = events.stat().st_size
        for line in lines_of(source):
            if run.take(*line):
                progress(source.tell(), total)
        run.finish()
        progress(total, total)
        return run.report()


class _Replay:
    """One replay under way."""

    def __init__(self, files: ReplayFiles, policy: Policy, version: str, chunk_lines: int) -> None:
        self._files = files
        self._stage = BothStages(
            PerceiveStage(policy, version=version), AllocateStage(policy, version=version)
        )
        self._read_before = ReadBefore(self._stage)
        self._chunk_lines = chunk_lines
        self._together = chunk_lines
        self._store = MemoryStore()
        self._timers = Timers(self._stage.due_of)
        self._hour = 0
        self._position = Position()
        self._chunk: list[Line] = []
        self._read = self._looped = self._ticks = 0
        self._processed = self._duplicates = self._rejected = 0
        self._fired = self._failed = 0

    def take(self, offset: int, value: bytes) -> bool:
        """Read one line; true if it filled a chunk, which was stepped."""
        line = read_line(self._stage, offset, value)
        result = line.result
        self._read += 1
        if type(result) is Read and type(result.input) is Admitted:
            self._tick(offset, result.input.time_s)
        self._chunk.append(line)
        if len(self._chunk) < self._chunk_lines:
            return False
        self._step()
        return True

    def finish(self) -> None:
        self._step()
        self._files.finish()

    def report(self) -> ReplayReport:
        return ReplayReport(
            read=self._read,
            looped=self._looped,
            processed=self._processed - self._ticks,
            duplicates=self._duplicates,
            rejected=self._rejected,
            customers=self._files.customers,
            ticks=self._ticks,
            fired=self._fired,
            failed=self._failed,
            digests=self._files.digests(),
        )

    def _tick(self, offset: int, time_s: float) -> None:
        hour = int(time_s // _HOUR_S)
        if hour > self._hour:
            self._hour = hour
            tick = Tick(int(hour * _HOUR_S * 1000.0))
            self._chunk.append(Line(offset, None, None, tick))
            self._ticks += 1

    def _step(self) -> None:
        """Step the lines of the chunk, and keep what comes of them.

        Lines are stepped together as far as none of them sends anything to another key: the lines
        after that one may then find another state than they found here. So nothing of this is
        kept, and it is tried again with fewer lines, down to that one alone.
        """
        first = 0
        while first < len(self._chunk):
            lines = self._chunk[first : first + self._together]
            work = self._work(lines)
            looped = _looped(work)
            if looped and len(lines) > 1:
                self._together = len(lines) // 2
                continue
            self._keep(work)
            self._feed(looped, lines[0].offset)
            first += len(lines)
            self._together = min(2 * self._together, self._chunk_lines)
        self._chunk = []

    def _feed(self, looped: Sequence[Output], offset: int) -> None:
        """Step what came back to the log, and what came of that, in the order of a log."""
        waiting = deque(looped)
        while waiting:
            _, key, value = waiting.popleft()
            self._read += 1
            self._looped += 1
            work = self._work([read_line(self._stage, offset, value, key)])
            self._keep(work)
            waiting += _looped(work)

    def _work(self, lines: Sequence[Line]) -> Work:
        """What the engine's own grouping makes of the lines; nothing of it is kept."""
        # As many timers as are due: nothing here waits for a commit, and no broker sets a limit.
        position, timers = self._position, self._timers
        stepping = Stepping(self._read_before, self._store, timers, PARTITION, position)
        stepping.run(lines)
        return stepping.work(lines[-1].offset + 1, monotonic())

    def _keep(self, work: Work) -> None:
        self._position = work.position
        checkpoint = Checkpoint(work.position)
        self._store.apply(work.changes, checkpoint)
        self._timers.apply(work.dues, checkpoint)
        self._fired += len(work.tried) - len(work.failures)
        self._failed += len(work.failures)
        self._processed += work.processed
        self._duplicates += work.duplicates
        self._rejected += sum(work.refused.values())
        self._files.keep(work.outputs)


def _looped(work: Work) -> list[Output]:
    return [output for output in work.outputs if output.topic in READ_BY_STAGES]
