"""Turns the records of a chunk into work: grouped by key, each state stepped once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from pipeline.engine.errors import EngineError
from pipeline.engine.ports import (
    POSITION_KEY,
    Changes,
    Output,
    Position,
    Read,
    Record,
    Refused,
    Stage,
    Stepped,
    Store,
    Tick,
)

INTERNAL_ERROR = "internal_error"
"""Reason of a dead letter whose record the stage raised on."""

RESERVED_KEY = "reserved_key"
"""Reason of a dead letter whose key would overwrite the position."""


class Work(NamedTuple):
    """What a chunk came to, to be made durable in one step; nothing of it is visible yet."""

    position: Position
    outputs: Sequence[Output]
    changes: Changes
    processed: int
    duplicates: int
    refused: Mapping[str, int]
    started_seconds: float


class Stepping:
    """The work of one chunk while it is being made: a lane makes one for each chunk."""

    def __init__(self, stage: Stage, store: Store, partition: int, clock_ms: int) -> None:
        self._stage = stage
        self._store = store
        self._partition = partition
        self.clock_ms = clock_ms
        self._loaded: dict[bytes, bytes | None] = {}
        self._overlay: dict[bytes, bytes | None] = {}
        self._outputs: list[Output] = []
        self._processed = 0
        self._duplicates = 0
        self._refused: dict[str, int] = {}

    def run(self, records: Sequence[Record]) -> None:
        """Step ``records``, one segment between two ticks after the other.

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
                self._processed += 1
                self.clock_ms = max(self.clock_ms, result.clock_ms)
            else:
                self._add_refused(cast(Refused, result))
        self._step_segment(groups, records, first, len(records))

    def dead_letter(self, record: Record, reason: str, detail: str) -> None:
        self._add_refused(self._stage.refuse(record, self._partition, reason, detail))

    def work(self, position: Position, started_seconds: float) -> Work:
        loaded = self._loaded
        return Work(
            position=position,
            outputs=self._outputs,
            # What came back to where it was need not be written.
            changes={k: v for k, v in self._overlay.items() if v != loaded[k]},
            processed=self._processed,
            duplicates=self._duplicates,
            refused=self._refused,
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
        loaded, overlay, outputs = self._loaded, self._overlay, self._outputs
        missing = [key for key in groups if key not in loaded]
        if missing:
            loaded.update(zip(missing, self._store.get_many(missing), strict=True))
        step = self._stage.step
        for key, inputs in groups.items():
            state = overlay[key] if key in overlay else loaded[key]
            try:
                stepped = step(key, state, inputs)
            except (EngineError, MemoryError):
                raise  # not this record's fault: a state from a newer release, for one
            except Exception:  # noqa: BLE001 - a record must not stop its partition
                stepped = self._isolate(key, state, records[first:end])
            else:
                self._processed += len(inputs) - stepped.duplicates
            self._duplicates += stepped.duplicates
            if stepped.outputs:
                outputs += stepped.outputs
            if stepped.state is not state:
                overlay[key] = stepped.state

    def _isolate(self, key: bytes, state: bytes | None, records: Sequence[Record]) -> Stepped:
        """Step the inputs of ``key`` one by one; those that raise become dead letters."""
        outputs: list[Output] = []
        duplicates = 0
        for record, value in self._records_of(key, records):
            try:
                stepped = self._stage.step(key, state, [value])
            except (EngineError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 - the culprit is found
                self.dead_letter(record, INTERNAL_ERROR, _detail(error))
                continue
            state = stepped.state
            outputs += stepped.outputs
            duplicates += stepped.duplicates
            self._processed += 1 - stepped.duplicates
        return Stepped(state, outputs, duplicates)

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
