"""Runs a file of events through the pure core, as an engine would, and writes what comes of it."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

import msgspec

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
from pipeline.tools.files import LineFile, whole_file
from pipeline.tools.lines import PARTITION, Line, ReadBefore, lines_of, read_line, rejected_line
from schemas.topics import ACTIONS, DEAD_LETTERS, DECISIONS, READ_BY_STAGES, SCORES

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all."""

_HOUR_S: Final = 3_600.0
_CHUNK_LINES: Final = 2_000
FILES: Final = ("scores.jsonl", "actions.jsonl", "decisions.jsonl", "rejects.jsonl")


class ReplayReport(NamedTuple):
    """What became of a file's events: ``read == processed + duplicates + rejected``.

    ``looped`` events among them stood in no line: events before them sent them to other customers.
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


class _Cause(msgspec.Struct):
    source: str
    event: str


class _Care(msgspec.Struct):
    """As much of an action or decision as its place in the file takes."""

    customer: str
    cause: _Cause


_CARE: Final = msgspec.json.Decoder(_Care)


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

    ``scores.jsonl`` has the last score of each customer, by customer; ``actions.jsonl`` and
    ``decisions.jsonl`` are in order of the events that caused them, ``rejects.jsonl`` of its
    lines. Before the first event of an hour later than any so far, a tick tells that hour and
    fires all timers that are due; what they cause stands at the line of that event. What an event
    sends to another customer is processed before the next line, and counts as its line. No
    result depends on ``chunk_lines``. Blank lines are no events and are not counted. Raises
    ``OSError`` if a file cannot be read or written; then ``out`` is left as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        source = stack.enter_context(events.open("rb"))
        files = {name: stack.enter_context(whole_file(out / name)) for name in FILES}
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

    def __init__(
        self, files: dict[str, LineFile], policy: Policy, version: str, chunk_lines: int
    ) -> None:
        self._files = files
        self._stage = BothStages(
            PerceiveStage(policy, version=version), AllocateStage(policy, version=version)
        )
        self._read_before = ReadBefore(self._stage)
        self._chunk_lines = chunk_lines
        self._together = chunk_lines
        self._store = MemoryStore()
        self._timers = Timers(self._stage.due_of)
        self._scores: dict[bytes, bytes] = {}
        self._hour = 0
        self._position = Position()
        self._chunk: list[Line] = []
        self._causes: dict[tuple[str, str, str], int] = {}
        self._read = self._looped = self._ticks = 0
        self._processed = self._duplicates = self._rejected = 0
        self._fired = self._failed = 0

    def take(self, offset: int, value: bytes) -> bool:
        """Read one line; true if it filled a chunk, which was stepped."""
        line = read_line(self._stage, offset, value)
        result = line.result
        self._read += 1
        if type(result) is Read and type(result.input) is Admitted:
            event, time_s = result.input
            cause = (event.subject or "", event.source, event.id)
            if cause in self._causes:
                # With the same event twice in a chunk, its actions would not show their line.
                self._step()
            self._causes[cause] = offset
            self._tick(offset, time_s)
        self._chunk.append(line)
        if len(self._chunk) < self._chunk_lines:
            return False
        self._step()
        return True

    def finish(self) -> None:
        self._step()
        for key in sorted(self._scores):
            self._files["scores.jsonl"].write(self._scores[key])

    def report(self) -> ReplayReport:
        return ReplayReport(
            read=self._read,
            looped=self._looped,
            processed=self._processed - self._ticks,
            duplicates=self._duplicates,
            rejected=self._rejected,
            customers=len(self._scores),
            ticks=self._ticks,
            fired=self._fired,
            failed=self._failed,
            digests={name: file.digest for name, file in self._files.items()},
        )

    def _tick(self, offset: int, time_s: float) -> None:
        hour = int(time_s // _HOUR_S)
        if hour > self._hour:
            self._hour = hour
            tick = Tick(int(hour * _HOUR_S * 1000.0))
            self._chunk.append(Line(offset, None, None, tick))
            self._ticks += 1

    def _step(self) -> None:
        """Step the lines of the chunk, and write.

        Lines are stepped together as far as none of them sends anything to another customer: the
        lines after that one may then find another state than they found here. So nothing of this
        is kept, and it is tried again with fewer lines, down to that one alone.
        """
        first = 0
        while first < len(self._chunk):
            lines = self._chunk[first : first + self._together]
            work = self._work(lines)
            looped = _looped(work)
            if looped and len(lines) > 1:
                self._together = len(lines) // 2
                continue
            self._keep(work, lines[0].offset if looped else None)
            self._feed(looped, lines[0].offset)
            first += len(lines)
            self._together = min(2 * self._together, self._chunk_lines)
        self._chunk = []
        self._causes = {}

    def _feed(self, looped: Sequence[Output], offset: int) -> None:
        """Step what came back to the log, and what came of that, in the order of a log."""
        waiting = deque(looped)
        while waiting:
            _, key, value = waiting.popleft()
            self._read += 1
            self._looped += 1
            work = self._work([read_line(self._stage, offset, value, key)])
            self._keep(work, offset)
            waiting += _looped(work)

    def _work(self, lines: Sequence[Line]) -> Work:
        """What the engine's own grouping makes of the lines; nothing of it is kept."""
        # As many timers as are due: nothing here waits for a commit, and no broker sets a limit.
        position, timers = self._position, self._timers
        stepping = Stepping(self._read_before, self._store, timers, PARTITION, position)
        stepping.run(lines)
        return stepping.work(lines[-1].offset + 1, monotonic())

    def _keep(self, work: Work, line: int | None) -> None:
        """Apply and write it; ``line`` caused all of it, or if ``None`` each care names its own.

        What a timer caused is at the line of its tick, whatever event it names.
        """
        self._position = work.position
        checkpoint = Checkpoint(work.position)
        self._store.apply(work.changes, checkpoint)
        self._timers.apply(work.dues, checkpoint)
        self._fired += len(work.tried) - len(work.failures)
        self._failed += len(work.failures)
        self._processed += work.processed
        self._duplicates += work.duplicates
        self._rejected += sum(work.refused.values())
        lines = {n: at.tick_offset for at in work.fired_at for n in range(at.first, at.end)}
        placed: list[tuple[int, str, bytes]] = []
        for number, (topic, key, value) in enumerate(work.outputs):
            if topic == SCORES:
                self._scores[key] = value
            elif topic in (ACTIONS, DECISIONS):
                name = "actions.jsonl" if topic == ACTIONS else "decisions.jsonl"
                at = lines.get(number) if line is None else line
                placed.append((self._line_of(value) if at is None else at, name, value))
            elif topic == DEAD_LETTERS:
                rejected_at, rejected = rejected_line(value)
                placed.append((rejected_at, "rejects.jsonl", rejected))
        placed.sort(key=lambda item: item[0])  # stable: what one event caused keeps its order
        for _, name, value in placed:
            self._files[name].write(value)

    def _line_of(self, care: bytes) -> int:
        made = _CARE.decode(care)
        return self._causes[made.customer, made.cause.source, made.cause.event]


def _looped(work: Work) -> list[Output]:
    return [output for output in work.outputs if output.topic in READ_BY_STAGES]
