"""Whatever breaks, wherever it restarts: each record once, and the same result for any chunks."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.engine.errors import Fenced
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import LogRecord, Position, Store
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.stores.rocksdb import RocksStore
from tests.engine.fakes import (
    STEPS,
    Crash,
    FakeBroker,
    FakeLog,
    FakeObserver,
    wait_until,
)
from tests.engine.world import World

KINDS = ("call", "call", "call", "seen", "erase", "bad", "boom", "unreadable", "huge", "tick")


class Session(NamedTuple):
    """One life of a process: how it reads, what breaks, when it is killed, what disk it finds."""

    fetch: int
    max_records: int
    faults: list[tuple[str, bool]]
    killed_after_yields: int
    disk: str


class Result(NamedTuple):
    """All that a run leaves behind, in an order that does not depend on its chunks."""

    outputs_by_key: dict[bytes, list[tuple[str, bytes]]]
    states: dict[bytes, bytes]
    position: Position


@st.composite
def histories(draw: st.DrawFn) -> list[LogRecord]:
    records: list[LogRecord] = []
    offset = clock_ms = 0
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=40)):
        offset += draw(st.sampled_from([1, 1, 1, 2, 4]))  # control records leave holes
        clock_ms += 7
        key = draw(st.sampled_from([b"ann", b"bob", b"cy"]))
        value = f"tick {clock_ms}" if kind == "tick" else kind
        records.append(LogRecord(offset, key, value.encode()))
    return records


sessions = st.lists(
    st.builds(
        Session,
        fetch=st.integers(1, 12),
        max_records=st.integers(1, 20),
        faults=st.lists(st.tuples(st.sampled_from(STEPS), st.booleans()), max_size=4),
        killed_after_yields=st.integers(0, 60),
        disk=st.sampled_from(["kept", "kept", "wiped", "old"]),
    ),
    max_size=4,
)


def oracle(records: list[LogRecord]) -> tuple[dict[bytes, int], dict[bytes, list[int]]]:
    """Live counts by key, and the counts that outputs must show, by key and in order."""
    live: dict[bytes, int] = {}
    shown: dict[bytes, list[int]] = {}
    for record in records:
        key, value = record.key or b"", record.value or b""
        if value in (b"call", b"erase"):
            live[key] = live.get(key, 0) + 1
            shown.setdefault(key, []).append(live[key])
            if value == b"erase":
                del live[key]
    return live, shown


class Disk:
    """The local directory of one partition over several lives, and an old copy of it."""

    def __init__(self, directory: Path, *, rocksdb: bool) -> None:
        self._path = directory / "db"
        self._old = directory / "old"
        self._rocksdb = rocksdb
        self._memory = MemoryStore()

    def open(self) -> Store:
        return RocksStore(self._path) if self._rocksdb else self._memory

    def change(self, how: str) -> None:
        if not self._rocksdb:
            self._memory = MemoryStore() if how == "wiped" else self._memory
        elif how == "wiped":
            shutil.rmtree(self._path, ignore_errors=True)
        elif how == "old" and self._old.exists():
            shutil.rmtree(self._path, ignore_errors=True)
            shutil.copytree(self._old, self._path)

    def keep_a_copy(self) -> None:
        if self._path.exists() and not self._old.exists():
            shutil.copytree(self._path, self._old)


def live_through(records: list[LogRecord], lives: list[Session], disk: Disk) -> Result:
    broker, log, observer = FakeBroker(), FakeLog(records), FakeObserver()
    for session in lives:
        disk.change(session.disk)
        world = make_world(broker, log, observer, disk.open, session.max_records)
        for step, fenced in session.faults:
            world.faults.at(step, Fenced("") if fenced else Crash())
        asyncio.run(kill_in_the_middle(world, session))
        log.paused = False
        disk.keep_a_copy()
    world = make_world(broker, log, observer, disk.open, 7)
    world.run_to_end(most=5)
    return examine(world, records)


def make_world(
    broker: FakeBroker,
    log: FakeLog,
    observer: FakeObserver,
    open_store: Callable[[], Store],
    max_records: int,
) -> World:
    log.seeks.clear()
    return World(
        broker=broker,
        log=log,
        observer=observer,
        open_store=open_store,
        limits=LaneLimits(max_records=max_records, high_water_records=15, low_water_records=3),
    )


async def kill_in_the_middle(world: World, session: Session) -> None:
    task = asyncio.create_task(world.supervisor.run())
    for _ in range(session.killed_after_yields):
        chunk = world.log.fetch(session.fetch) if world.log.seeks else None
        if chunk is not None:
            world.supervisor.put(chunk)
        await asyncio.sleep(0)
    task.cancel()
    await wait_until(task.done)


def examine(world: World, records: list[LogRecord]) -> Result:
    live, shown = oracle(records)
    seen = world.broker.seen()
    steps = [r.offset for r in records if not (r.value or b"").startswith(b"tick")]
    assert sorted(seen.offsets) == steps
    assert seen.counts == shown
    store = world.supervisor._open_store()
    states, position = dict(store.items()), store.checkpoint().position
    store.close()
    assert states == {key: b"%d" % count for key, count in live.items()}
    outputs: dict[bytes, list[tuple[str, bytes]]] = {}
    for output in world.broker.outputs:
        if output.topic == "counts":
            outputs.setdefault(output.key, []).append((output.topic, output.value))
    return Result(outputs, states, position)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=histories(), lives=sessions)
def test_each_record_counts_once_whatever_breaks_with_states_in_memory(
    records: list[LogRecord], lives: list[Session]
) -> None:
    result = live_through(records, lives, Disk(Path("unused"), rocksdb=False))
    assert result == live_through(records, [], Disk(Path("unused"), rocksdb=False))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=histories(), lives=sessions)
def test_each_record_counts_once_whatever_breaks_with_states_in_rocksdb(
    records: list[LogRecord], lives: list[Session]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        result = live_through(records, lives, Disk(Path(directory), rocksdb=True))
    assert result == live_through(records, [], Disk(Path("unused"), rocksdb=False))


@settings(max_examples=60, deadline=None)
@given(records=histories(), fetch=st.integers(1, 50), max_records=st.integers(1, 50))
def test_results_do_not_depend_on_the_size_of_chunks(
    records: list[LogRecord], fetch: int, max_records: int
) -> None:
    results: list[Result] = []
    for size, most in ((1, 1), (fetch, max_records)):
        disk = Disk(Path("unused"), rocksdb=False)
        world = make_world(FakeBroker(), FakeLog(records), FakeObserver(), disk.open, most)
        world.run_to_end(most=size)
        results.append(examine(world, records))
        assert world.observer.accounted == len(records)
        assert world.observer.failures == [] or "huge" in str(records)
    assert results[0] == results[1]
