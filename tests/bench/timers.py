"""Measures timers and nothing else: ``python -m tests.bench.timers --customers 1000000``.

One partition, due times spread over a month as care would set them. Memory is that of the process,
times are the processor's, for nothing here waits and others may use the machine. A tick is stepped
with a stage that does next to nothing, so that what is left is the engine's, or with
``--stage perceive`` with the perceive stage and states of its own: each timer that fires is a
transaction without an alert in time, with all that comes of it.
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from pipeline.engine.ports import (
    Checkpoint,
    LogRecord,
    Position,
    Read,
    Record,
    Refused,
    Stage,
    Stepped,
    Tick,
)
from pipeline.engine.restore import restore
from pipeline.engine.stepping import Stepping
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from pipeline.engine.work import Work
from tests.bench.waiting import Perceiving, waiting_states

MONTH_MS: Final = 30 * 86_400_000
START_MS: Final = 1_790_000_000_000
TICK_MS: Final = 1_000
IDLE_TICKS: Final = 1_000
MOVES: Final = 200_000


class DueStage:
    """A state is its due time, in eight bytes; when due, it waits for another month."""

    name = "due"

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        return Tick(record.timestamp)

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        assert state is not None
        due_ms = int.from_bytes(state, "big") + MONTH_MS
        return Stepped(due_ms.to_bytes(8, "big"), [], 0, due_ms)

    def due_of(self, state: bytes) -> int | None:
        return int.from_bytes(state, "big")

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        raise AssertionError(detail)


class KeyCopyingStore(MemoryStore):
    """Gives its keys out anew, as a store on disk does: the timers then hold their own."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return ((bytes(bytearray(key)), state) for key, state in super().items())


class Partition:
    """The states and timers of one partition, without a broker."""

    def __init__(self, stage: Stage, states: Iterable[tuple[bytes, bytes]]) -> None:
        self.store = KeyCopyingStore()
        made: dict[bytes, bytes | None] = dict(states)
        self.state_bytes = sum(len(state or b"") for state in made.values()) / len(made)
        self.store.apply(made, Checkpoint(Position(1, START_MS)))
        self.stage = stage
        self.timers = Timers(self.stage.due_of)
        self.position = Position(1, START_MS)
        self.outputs = 0

    def restore(self) -> None:
        """Rebuild the timers from the states, as a lane does when it opens."""
        self.timers = Timers(self.stage.due_of)
        asyncio.run(restore(self.store, None, now_ms=0, tombstones_kept_ms=0, timers=self.timers))

    def tick(self, clock_ms: int, *, most_timers: int) -> int:
        """One tick, to its last timer; returns how many fired."""
        tick = LogRecord(self.position.next_offset, None, None, clock_ms)
        fired = 0
        stepping = self._stepping(most_timers)
        stepping.run([tick])
        while True:
            work = stepping.work(tick.offset + 1, 0.0)
            self._keep(work)
            fired += len(work.tried)
            if work.position.fired is None:
                return fired
            stepping = self._stepping(most_timers)
            stepping.fire()

    def _stepping(self, most_timers: int) -> Stepping:
        args = (self.stage, self.store, self.timers, 0, self.position)
        return Stepping(*args, most_timers=most_timers)

    def _keep(self, work: Work) -> None:
        checkpoint = Checkpoint(work.position)
        self.store.apply(work.changes, checkpoint)
        self.timers.apply(work.dues, checkpoint)
        self.position = work.position
        self.outputs += len(work.outputs)


def due_partition(customers: int) -> Partition:
    """States that are nothing but their due time."""
    chance = random.Random(1)
    states = (
        (b"customer-%07d" % n, (START_MS + chance.randrange(MONTH_MS)).to_bytes(8, "big"))
        for n in range(customers)
    )
    return Partition(DueStage(), states)


def perceive_partition(customers: int) -> Partition:
    """States of customers about whom an alert is awaited."""
    stage = Perceiving()
    return Partition(
        stage, waiting_states(stage, customers, from_ms=START_MS, span_ms=MONTH_MS, seed=1)
    )


STAGES: Final = {"due": due_partition, "perceive": perceive_partition}


def measure(stage: str, customers: int, share: float, most_timers: int) -> dict[str, float]:
    """All figures of one partition; times of the processor, in the units of their names."""
    gc.collect()
    empty = _memory_bytes()
    partition = STAGES[stage](customers)
    gc.collect()
    before = _memory_bytes()
    rebuilt_s = _seconds(partition.restore)
    gc.collect()
    held = _memory_bytes() - before
    clock_ms = START_MS
    idle: list[float] = []
    fired = 0
    for _ in range(IDLE_TICKS):
        clock_ms += TICK_MS
        due = 0

        def one(clock_ms: int = clock_ms) -> None:
            nonlocal due
            due = partition.tick(clock_ms, most_timers=most_timers)

        seconds = _seconds(one)
        fired += due
        if not due:
            idle.append(seconds)
    jump_ms = clock_ms + round(MONTH_MS * share)
    many, partition.outputs = 0, 0

    def jump() -> None:
        nonlocal many
        many = partition.tick(jump_ms, most_timers=most_timers)

    jump_s = _seconds(jump)
    outputs = partition.outputs
    moved_s = _seconds(lambda: _move(partition, jump_ms))
    return {
        "customers": customers,
        "state_bytes": partition.state_bytes,
        "stored_bytes": (before - empty) / customers,
        "timer_bytes": held / customers,
        "rebuild_s": rebuilt_s,
        "ticks_with_none_due": len(idle),
        "tick_none_due_us": 1e6 * statistics.median(idle) if idle else 0.0,
        "tick_none_due_p99_us": 1e6 * sorted(idle)[len(idle) * 99 // 100] if idle else 0.0,
        "due_at_once": many,
        "fire_us": 1e6 * jump_s / max(many, 1),
        "tick_many_due_ms": 1e3 * jump_s,
        "outputs_a_timer": outputs / max(many, 1),
        "move_us": 1e6 * moved_s / MOVES,
        "bytes_after": (_memory_bytes() - before) / customers,
    }


def _move(partition: Partition, clock_ms: int) -> None:
    """Give many keys another time, as events do."""
    chance, customers = random.Random(2), len(partition.timers.dues)
    for _ in range(MOVES):
        key = b"customer-%07d" % chance.randrange(customers)
        partition.timers.put(key, clock_ms + chance.randrange(MONTH_MS))


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _memory_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the system does not tell how much memory a process holds")


def show(result: dict[str, float], console: Console) -> None:
    """Print the figures as a table."""
    table = Table(title=f"Timers of {result['customers']:,.0f} customers in one partition")
    table.add_column("")
    table.add_column("", justify="right")
    rows = {
        "a state, bytes": f"{result['state_bytes']:.0f}",
        "memory, bytes a key and state": f"{result['stored_bytes']:.0f}",
        "memory, bytes a timer": f"{result['timer_bytes']:.0f}",
        "the same after the changes below": f"{result['bytes_after']:.0f}",
        "rebuilt from states, s": f"{result['rebuild_s']:.2f}",
        "tick with none due, us, median": f"{result['tick_none_due_us']:.1f}",
        "tick with none due, us, p99": f"{result['tick_none_due_p99_us']:.1f}",
        f"tick with {result['due_at_once']:,.0f} due, ms": f"{result['tick_many_due_ms']:.0f}",
        "the same, us a timer": f"{result['fire_us']:.1f}",
        "outputs a timer": f"{result['outputs_a_timer']:.1f}",
        "another due time for a key, us": f"{result['move_us']:.2f}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.timers", description=__doc__)
    parser.add_argument("--stage", choices=STAGES, default="due")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.01, help="due at the tick with many")
    parser.add_argument("--most-timers", type=int, default=2_000, help="fired in one commit")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    gc.set_threshold(100_000, 20, 100)  # as the worker does
    result = measure(options.stage, options.customers, options.share, options.most_timers)
    if options.json:
        print(json.dumps(result))
    else:
        show(result, Console())


if __name__ == "__main__":
    main()
