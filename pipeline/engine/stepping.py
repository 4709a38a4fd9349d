"""Turns the records of a chunk into work: grouped by key, each state stepped once; and timers."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from pipeline.engine.errors import EngineError
from pipeline.engine.ports import (
    POSITION_KEY,
    Due,
    Labels,
    Output,
    Position,
    Read,
    Record,
    Refused,
    Stage,
    Stepped,
    Store,
    Tick,
    Timer,
)
from pipeline.engine.timers import Agenda, Timers
from pipeline.engine.work import TimerFailed, Work

INTERNAL_ERROR = "internal_error"
"""Reason of a dead letter whose record the stage raised on."""

RESERVED_KEY = "reserved_key"
"""Reason of a dead letter whose key would overwrite the position."""


class Stepping:
    """The work of one chunk while it is being made: a lane makes one for each chunk.

    At most ``most_timers`` fire in it. ``condemned`` timers, by key with their due time, are not
    stepped: they fail. Neither ``store`` nor ``timers`` are changed.
    """

    def __init__(
        self,
        stage: Stage,
        store: Store,
        timers: Timers,
        partition: int,
        position: Position,
        *,
        most_timers: int = sys.maxsize,
        condemned: Mapping[bytes, int] | None = None,
    ) -> None:
        self._stage = stage
        self._store = store
        self._timers = timers
        self._partition = partition
        self._clock_ms = position.clock_ms
        self._fired = position.fired
        self._timers_left = most_timers
        self._condemned = condemned or {}
        self._loaded: dict[bytes, bytes | None] = {}
        self._overlay: dict[bytes, bytes | None] = {}
        self._dues: dict[bytes, int | None] = {}
        self._outputs: list[Output] = []
        self._processed = 0
        self._duplicates = 0
        self._refused: dict[str, int] = {}
        self._told: dict[Labels, int] = {}
        self._tried: list[Timer] = []
        self._failures: list[TimerFailed] = []

    def run(self, records: Sequence[Record]) -> int:
        """Step ``records``, one segment between two ticks after the other.

        Returns how many were stepped: not all of them if the timers due are more than may fire.
        What comes after the tick in the log then has to wait until ``fire`` was through with them.

        This loop and the stage are the hot path: per record there is one call, one look at a
        type and one append. A tick ends a segment, so that what comes before it in the log is
        stepped before time moves on.
        """
        read, partition = self._stage.read, self._partition
        groups: dict[bytes, list[object]] = {}
        first = 0
        for index, record in enumerate(records):
            try:
                result = read(record, partition)
            except (EngineError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - a record must not stop its partition
                result = self._stage.refuse(record, partition, INTERNAL_ERROR, _detail(error))
            # One comparison of types for nearly all records: cheaper than isinstance or match.
            if type(result) is Read:
                key, value = result
                group = groups.get(key)
                if group is None:
                    groups[key] = [value]
                else:
                    group.append(value)
            elif type(result) is Tick:
                self._step_segment(groups, records, first, index)
                groups, first = {}, index + 1
                if self._timers_left <= 0:
                    return index
                self._processed += 1
                self._clock_ms = max(self._clock_ms, result.clock_ms)
                self.fire()
                if self._fired is not None:
                    return first
            else:
                self._add_refused(cast(Refused, result))
        self._step_segment(groups, records, first, len(records))
        return len(records)

    def fire(self) -> None:
        """Fire the timers that are due after the last one fired, in order and as many as may be."""
        timers, dues, after = self._timers, self._dues, self._fired
        self._fired = None
        if not timers.dues and not dues:
            return
        agenda = Agenda(timers, dues, self._clock_ms, after, self._timers_left)
        self._load(agenda.keys)
        while (timer := agenda.take()) is not None:
            if self._timers_left <= 0:
                self._fired = after
                break
            self._timers_left -= 1
            self._tried.append(timer)
            if self._fire_one(timer):
                agenda.moved(timer, dues.get(timer[1]))
            after = timer

    def dead_letter(self, record: Record, reason: str, detail: str) -> None:
        self._add_refused(self._stage.refuse(record, self._partition, reason, detail))

    def work(self, next_offset: int, started_seconds: float) -> Work:
        """All of it; ``next_offset`` is where the log goes on after what was stepped."""
        loaded = self._loaded
        return Work(
            position=Position(next_offset, self._clock_ms, self._fired),
            outputs=self._outputs,
            # What came back to where it was need not be written.
            changes={k: v for k, v in self._overlay.items() if v != loaded[k]},
            dues=self._dues,
            tried=self._tried,
            failures=self._failures,
            processed=self._processed,
            duplicates=self._duplicates,
            refused=self._refused,
            told=self._told,
            started_seconds=started_seconds,
        )

    def _add_refused(self, refused: Refused) -> None:
        self._refused[refused.reason] = self._refused.get(refused.reason, 0) + 1
        self._outputs.append(refused.output)

    def _step_segment(
        self, groups: dict[bytes, list[object]], records: Sequence[Record], first: int, end: int
    ) -> None:
        if POSITION_KEY in groups:
            del groups[POSITION_KEY]
            for record, _ in self._records_of(POSITION_KEY, records[first:end]):
                self.dead_letter(record, RESERVED_KEY, "this key is the engine's own")
        self._load(groups)
        loaded, overlay, outputs = self._loaded, self._overlay, self._outputs
        step, clock_ms = self._stage.step, self._clock_ms
        for key, inputs in groups.items():
            state = overlay[key] if key in overlay else loaded[key]
            try:
                stepped = step(key, state, inputs, clock_ms)
            except (EngineError, MemoryError):
                raise  # not this record's fault: a state from a newer release, for one
            except Exception:  # noqa: BLE001 - a record must not stop its partition
                stepped = self._isolate(key, state, records[first:end])
            else:
                self._processed += len(inputs) - stepped.duplicates
            self._duplicates += stepped.duplicates
            if stepped.outputs:
                outputs += stepped.outputs
            if stepped.told:
                self._tell(stepped.told)
            if stepped.state is not state:
                self._change(key, stepped)

    def _load(self, keys: Iterable[bytes]) -> None:
        missing = [key for key in keys if key not in self._loaded]
        if missing:
            self._loaded.update(zip(missing, self._store.get_many(missing), strict=True))

    def _change(self, key: bytes, stepped: Stepped) -> None:
        self._overlay[key] = stepped.state
        due_ms = None if stepped.state is None else stepped.due_ms
        if due_ms is not None or key in self._timers.dues or key in self._dues:
            self._dues[key] = due_ms

    def _fire_one(self, timer: Timer) -> bool:
        """Step the key of ``timer``; whether its state was changed."""
        due_ms, key = timer
        state = self._overlay[key] if key in self._overlay else self._loaded[key]
        if self._condemned.get(key) == due_ms:
            self._failures.append(TimerFailed(timer, "it leads to more than the log takes"))
            return False
        try:
            stepped = self._stage.step(key, state, [Due(self._clock_ms)], self._clock_ms)
        except (EngineError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - a state must not stop its partition
            self._failures.append(TimerFailed(timer, _detail(error)))
            return False
        self._outputs += stepped.outputs
        self._tell(stepped.told)
        if stepped.state is state:
            return False
        self._change(key, stepped)
        return True

    def _tell(self, told: Sequence[Labels]) -> None:
        for labels in told:
            self._told[labels] = self._told.get(labels, 0) + 1

    def _isolate(self, key: bytes, state: bytes | None, records: Sequence[Record]) -> Stepped:
        """Step the inputs of ``key`` one by one; those that raise become dead letters."""
        outputs: list[Output] = []
        duplicates = 0
        due_ms: int | None = None
        told: list[Labels] = []
        for record, value in self._records_of(key, records):
            try:
                stepped = self._stage.step(key, state, [value], self._clock_ms)
            except (EngineError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - the culprit is found
                self.dead_letter(record, INTERNAL_ERROR, _detail(error))
                continue
            if stepped.state is not state:
                state, due_ms = stepped.state, stepped.due_ms
            outputs += stepped.outputs
            told += stepped.told
            duplicates += stepped.duplicates
            self._processed += 1 - stepped.duplicates
        return Stepped(state, outputs, duplicates, due_ms, told)

    def _records_of(self, key: bytes, records: Sequence[Record]) -> list[tuple[Record, object]]:
        """Records of ``key`` with their inputs, read anew.

        Reading is pure, so this finds again what it found; the hot path need not keep records.
        """
        found: list[tuple[Record, object]] = []
        for record in records:
            try:
                result = self._stage.read(record, self._partition)
            except Exception:  # noqa: BLE001, S112 - it already became a dead letter
                continue
            if isinstance(result, Read) and result.key == key:
                found.append((record, result.input))
        return found


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
