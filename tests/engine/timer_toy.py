"""A toy stage whose states wait for times, and what a run of it leaves behind."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import (
    Due,
    LogRecord,
    Output,
    Position,
    Read,
    Record,
    Refused,
    Stepped,
    Store,
    Tick,
)
from pipeline.engine.stores.memory import MemoryStore
from tests.engine.fakes import FakeBroker, FakeLog, FakeObserver
from tests.engine.world import World


class _State(msgspec.Struct, array_like=True):
    kind: str
    count: int
    dues: list[int]


_DECODE = msgspec.msgpack.Decoder(_State).decode
_ENCODE = msgspec.msgpack.Encoder().encode


class TimerStage:
    """Counts the records of a key, and tells of the times it was asked to wait for, one by one.

    Values: ``at 5 9`` waits for these times too, ``only 5`` for these alone, ``never`` for none;
    ``erase``; ``call`` only counts, and ``bulk`` too, with an output of 1,000 bytes; ``tick 7``.
    After ``stuck 5``, ``broken 5`` or ``huge 5`` the time is told and waited for on, raises, or
    leads to an output of 1,000 bytes.
    """

    name = "timer"

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        value = record.value or b""
        if value.startswith(b"tick "):
            return Tick(int(value[5:]))
        if value == b"bad":
            return self.refuse(record, partition, "bad", "")
        return Read(record.key or b"", value.decode())

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        now = _State("at", 0, []) if state is None else _DECODE(state)
        outputs: list[Output] = []
        for each in inputs:
            if isinstance(each, Due):
                assert now.dues[0] <= each.clock_ms
                outputs.append(self._tell(key, now, each.clock_ms))
                if now.kind == "stuck":
                    return Stepped(state, outputs, 0)
                now.dues.pop(0)
                continue
            assert isinstance(each, str)
            word, *times = each.split()
            now.count += 1
            if word == "boom":
                raise ZeroDivisionError("a bug in stepping")
            filler = b"x" * 1_000 if word == "bulk" else b""
            outputs.append(Output("count", key, b"%d" % now.count + filler))
            if word == "erase":
                now = _State("at", 0, [])
            elif word not in ("call", "bulk"):
                kept = now.dues if word == "at" else []
                kind = word if word in ("stuck", "broken", "huge") else "at"
                now = _State(kind, now.count, sorted([*kept, *map(int, times)]))
        if now == _State("at", 0, []):
            return Stepped(None, outputs, 0, due_ms=77)  # looked at by nobody
        after = _ENCODE(now)
        return Stepped(after, outputs, 0, self.due_of(after))

    def due_of(self, state: bytes) -> int | None:
        dues = _DECODE(state).dues
        return dues[0] if dues else None

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        return Refused(reason, Output("dead", record.key or b"", b"%d" % record.offset))

    def _tell(self, key: bytes, now: _State, clock_ms: int) -> Output:
        if now.kind == "broken":
            raise ZeroDivisionError("a bug in stepping")
        filler = b"x" * 1_000 if now.kind == "huge" else b""
        return Output("due", key, b"%d at %d" % (now.dues[0], clock_ms) + filler)


class Result(NamedTuple):
    """All that a run leaves behind, in an order that does not depend on its chunks."""

    dues: list[tuple[str, str]]
    others: dict[bytes, list[Output]]
    states: dict[bytes, bytes]
    position: Position


def result_of(broker: FakeBroker) -> Result:
    states: dict[bytes, bytes] = {}
    for changes in broker.transactions:
        for key, value in changes.items():
            states.pop(key, None)
            if value is not None:
                states[key] = value
    others: dict[bytes, list[Output]] = {}
    for output in broker.outputs:
        if output.topic == "count":
            others.setdefault(output.key, []).append(output)
    return Result(told(broker), others, states, broker.commits[-1])


def told(broker: FakeBroker) -> list[tuple[str, str]]:
    """What fired, in order: the key, and ``<due> at <clock>``."""
    return [(o.key.decode(), o.value.decode()) for o in broker.outputs if o.topic == "due"]


def log_of(*lines: str) -> list[LogRecord]:
    """Records in order: ``ann at 5``, or ``tick 7``."""
    records = []
    for offset, line in enumerate(lines):
        key, _, value = ("clock", "", line) if line.startswith("tick") else line.partition(" ")
        records.append(LogRecord(offset, key.encode(), value.encode()))
    return records


def make_world(
    records: Iterable[LogRecord],
    *,
    max_records: int = 100,
    max_timers: int = 100,
    broker: FakeBroker | None = None,
    open_store: Callable[[], Store] = MemoryStore,
    observer: FakeObserver | None = None,
    stage: TimerStage | None = None,
) -> World:
    limits = LaneLimits(
        max_records=max_records,
        max_timers=max_timers,
        high_water_records=15,
        low_water_records=3,
    )
    return World(
        log=FakeLog(records),
        limits=limits,
        broker=broker,
        open_store=open_store,
        observer=observer,
        stage=stage or TimerStage(),
    )
