"""A state that waits for a time is stepped at the tick that reaches it, once and in order."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline.engine.chunk import Chunk
from pipeline.engine.ports import Due, LogRecord, Stepped, Store
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.stores.rocksdb import RocksStore
from tests.engine.fakes import Crash, FakeBroker, FakeObserver, wait_until
from tests.engine.timer_toy import TimerStage, log_of, make_world, told
from tests.engine.world import World


def run(*lines: str, most: int = 100) -> World:
    world = make_world(log_of(*lines))
    world.run_to_end(most)
    assert world.observer.failures == []
    return world


def fired(*lines: str) -> list[tuple[str, str]]:
    """What fired, the same for chunks of one and for one chunk."""
    together, singly = (told(run(*lines, most=most).broker) for most in (100, 1))
    assert together == singly
    return together


def test_a_timer_fires_once_at_the_first_tick_that_reaches_it() -> None:
    lines = ["ann at 50", "tick 49", "bob call", "tick 50", "tick 51", "tick 500"]
    assert fired(*lines) == [("ann", "50 at 50")]
    assert fired("ann at 50", "tick 9000", "tick 9001") == [("ann", "50 at 9000")]


def test_what_stands_before_a_tick_in_the_log_counts_and_what_stands_after_does_not() -> None:
    assert fired("ann at 50", "ann never", "tick 50", "ann call") == []
    assert fired("ann at 50", "tick 50", "ann never") == [("ann", "50 at 50")]


def test_a_later_record_replaces_the_time() -> None:
    assert fired("ann at 50", "ann only 70", "tick 60", "tick 70") == [("ann", "70 at 70")]
    assert fired("ann at 50", "ann only 20", "tick 30", "tick 70") == [("ann", "20 at 30")]
    assert fired("ann at 50", "tick 9", "ann only 50", "tick 50") == [("ann", "50 at 50")]


def test_a_record_that_leaves_the_time_as_it_is_does_not_withdraw_it() -> None:
    assert fired("ann at 50", "tick 9", "ann call", "tick 50") == [("ann", "50 at 50")]
    assert fired("ann at 50", "tick 9", "ann boom", "tick 50") == [("ann", "50 at 50")]
    assert fired("ann at 50", "ann boom", "bob call", "tick 50") == [("ann", "50 at 50")]


def test_timers_fire_by_time_and_at_the_same_time_by_key() -> None:
    lines = ["dora at 30", "bob at 40", "cy at 30", "ann at 70000", "eve at 10", "tick 80000"]
    names = [key for key, _ in fired(*lines)]
    assert names == ["eve", "cy", "dora", "bob", "ann"]


def test_an_erased_state_has_no_timer() -> None:
    world = run("ann at 50", "ann erase", "bob at 50", "tick 10", "bob erase", "tick 60")
    assert told(world.broker) == []
    assert world.observer.commits[-1].waiting == 0


def test_a_time_set_when_it_was_already_over_waits_for_the_next_tick() -> None:
    lines = ["tick 100", "ann at 50", "bob call", "bob call", "tick 100", "tick 101"]
    assert fired(*lines) == [("ann", "50 at 100")]


def test_times_that_one_tick_passes_all_fire_at_it_each_at_its_place() -> None:
    lines = ["ann at 10 30 90", "bob at 20 30", "tick 50", "tick 99"]
    assert fired(*lines) == [
        ("ann", "10 at 50"),
        ("bob", "20 at 50"),
        ("ann", "30 at 50"),
        ("bob", "30 at 50"),
        ("ann", "90 at 99"),
    ]


def test_a_stage_that_stays_due_at_the_same_time_fires_once_a_tick() -> None:
    lines = ["ann stuck 10", "bob at 5 5", "tick 50", "tick 51", "cy call"]
    assert fired(*lines) == [
        ("bob", "5 at 50"),
        ("ann", "10 at 50"),
        ("bob", "5 at 51"),
        ("ann", "10 at 51"),
    ]


def test_timers_are_counted_apart_from_records() -> None:
    world = run("ann at 10 20", "bob at 10", "cy at 99", "tick 15")
    (counted,) = world.observer.commits
    assert (counted.processed, counted.fired, counted.failed, counted.waiting) == (4, 2, 0, 2)


def test_a_timer_that_raises_stops_nobody_is_told_once_and_tried_at_every_tick() -> None:
    lines = ["ann broken 10", "bob at 10", "cy at 20", "tick 15", "tick 25", "ann only 30"]
    world = make_world(log_of(*lines, "tick 35", "ann broken 40", "tick 45"), max_records=1)
    world.run_to_end()
    assert told(world.broker) == [("bob", "10 at 15"), ("cy", "20 at 25"), ("ann", "30 at 35")]
    assert [phase for phase, _ in world.observer.failures] == ["timer", "timer"]
    assert "due at 10: ZeroDivisionError" in str(world.observer.failures[0][1])
    assert sum(commit.failed for commit in world.observer.commits) == 3
    assert world.observer.accounted == 9
    assert world.time.slept == []


def many(count: int, *after: str) -> list[LogRecord]:
    """Keys that are due in the order opposite to their names, a tick, and what follows."""
    lines = [f"k{n:05} at {20_000 - n}" for n in range(count)]
    return log_of(*lines, "tick 30000", *after)


def test_ten_thousand_due_at_one_tick_are_split_over_commits_and_stay_in_order() -> None:
    world = make_world(many(10_000, "k00007 call", "zoe call"), max_records=4_000, max_timers=999)
    world.run_to_end(most=20_000)
    names = [key for key, _ in told(world.broker)]
    assert names == [f"k{n:05}" for n in reversed(range(10_000))]
    assert max(commit.fired for commit in world.observer.commits) == 999
    last_due = max(n for n, o in enumerate(world.broker.outputs) if o.topic == "due")
    assert [o.key for o in world.broker.outputs[last_due + 1 :]] == [b"k00007", b"zoe"]
    assert world.observer.accounted == 10_003
    assert sum(commit.fired for commit in world.observer.commits) == 10_000
    assert len({position.fired for position in world.broker.commits}) > 10


def test_many_ticks_that_fire_a_little_each_are_bounded_together() -> None:
    lines = [line for n in range(40) for line in (f"k{n} at {n * 10}", f"tick {n * 10 + 5}")]
    world = make_world(log_of(*lines), max_timers=7)
    world.run_to_end()
    assert [key for key, _ in told(world.broker)] == [f"k{n}" for n in range(40)]
    assert max(commit.fired for commit in world.observer.commits) == 7
    assert world.observer.accounted == 80


@pytest.mark.parametrize("step", ["begin", "send", "after send", "after offsets", "after commit"])
def test_a_crash_at_any_step_of_a_split_tick_fires_each_timer_once(step: str) -> None:
    world = make_world(many(50, "ann call"), max_timers=9)
    for _ in range(3):
        world.faults.at(step, Crash())
    world.run_to_end()
    assert [key for key, _ in told(world.broker)] == [f"k{n:05}" for n in reversed(range(50))]
    assert world.observer.accounted == 52
    assert sum(commit.fired for commit in world.observer.commits) == 50


class Lives:
    """One partition over several processes, its states on a disk or in memory."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self.broker = FakeBroker()
        self.observer = FakeObserver()
        self._open_store = store

    def live(self, records: list[LogRecord], *, commits: int | None = None) -> World:
        """Run a process to the end, or kill it after so many commits."""
        world = make_world(
            records,
            max_timers=4,
            broker=self.broker,
            open_store=self._open_store,
            observer=self.observer,
        )
        if commits is None:
            world.run_to_end()
        else:
            asyncio.run(self._killed(world, len(self.broker.commits) + commits))
        return world

    async def _killed(self, world: World, commits: int) -> None:
        task = asyncio.create_task(world.supervisor.run())
        await wait_until(lambda: bool(world.log.seeks))
        chunk = world.log.fetch(1_000)
        if chunk is not None:
            world.supervisor.put(chunk)
        while len(self.broker.commits) < commits:  # noqa: ASYNC110 - killed at once, not soon after
            await asyncio.sleep(0)
        task.cancel()
        await wait_until(task.done)


@pytest.fixture(params=["memory", "rocksdb"])
def lives(request: pytest.FixtureRequest, tmp_path: Path) -> Lives:
    if request.param == "memory":
        return Lives(MemoryStore)
    return Lives(lambda: RocksStore(tmp_path / "db"))


def test_timers_are_rebuilt_from_the_states(lives: Lives) -> None:
    lines = ["ann at 50 60", "bob at 70", "cy at 40", "bob never", "tick 45"]
    lives.live(log_of(*lines))
    world = lives.live(log_of(*lines, "tick 55", "tick 65", "tick 75"))
    assert told(lives.broker) == [("cy", "40 at 45"), ("ann", "50 at 55"), ("ann", "60 at 65")]
    assert world.observer.commits[-1].waiting == 0


def test_a_process_killed_in_a_tick_leaves_the_rest_of_it_to_the_next(lives: Lives) -> None:
    lines = [f"k{n} at {30 - n}" for n in range(9)]
    lines += ["stay stuck 25", "tick 100"]
    lives.live(log_of(*lines), commits=2)
    assert lives.broker.commits[-1].fired is not None
    world = lives.live(log_of(*lines))  # no record is left to read: the timers do not wait for one
    world = lives.live(log_of(*lines, "late at 7", "k3 call", "tick 100"))
    names = [key for key, _ in told(lives.broker)]
    assert names == ["k8", "k7", "k6", "k5", "stay", "k4", "k3", "k2", "k1", "k0", "late", "stay"]
    assert world.observer.accounted == 14


def test_a_timer_with_too_large_an_output_is_left_alone_and_holds_up_nobody() -> None:
    lines = [f"k{n:02} at {n}" for n in range(40)]
    lines[23] = "k23 huge 23"
    ticks = ["tick 100", "ann call", "k23 call", "tick 110", "k23 only 105", "tick 120"]
    world = make_world(log_of(*lines, *ticks), max_timers=30)
    world.run_to_end()
    names = [key for key, _ in told(world.broker)]
    assert names == [f"k{n:02}" for n in range(40) if n != 23] + ["k23"]
    assert not [output for output in world.broker.outputs if output.topic == "dead"]
    assert world.time.slept == []
    assert world.observer.accounted == 46
    assert sum(commit.fired for commit in world.observer.commits) == 40
    assert [commit.failed for commit in world.observer.commits if commit.failed] == [1, 1]


def test_a_record_and_a_timer_that_are_too_large_are_both_found() -> None:
    lines = ["ann huge 5", "bob at 6", "cy bulk", "cy at 7", "tick 10", "bob call", "tick 20"]
    world = make_world(log_of(*lines))
    world.faults.at("begin", Crash())
    world.run_to_end()
    assert told(world.broker) == [("bob", "6 at 10"), ("cy", "7 at 10")]
    assert [(o.key, o.value) for o in world.broker.outputs if o.topic == "dead"] == [(b"cy", b"2")]
    assert world.observer.accounted == 7


def test_a_chunk_that_fails_leaves_the_timers_as_they_were() -> None:
    world = make_world(log_of("ann at 50", "bob at 60", "tick 55", "bob only 70"))

    async def body() -> None:
        await wait_until(lambda: world.supervisor.status.ready)
        world.supervisor.put(Chunk(world.log.records[:2]))
        await wait_until(lambda: bool(world.observer.commits))
        world.faults.at("send", Crash())
        seen: list[dict[bytes, int]] = []
        sleep = world.supervisor._sleep

        async def looking(seconds: float) -> None:
            seen.append(dict(world.supervisor._timers.dues))
            await sleep(seconds)

        world.supervisor._sleep = looking
        world.supervisor.put(Chunk(world.log.records[2:]))
        await wait_until(lambda: len(world.observer.commits) == 2)
        assert seen == [{b"ann": 50, b"bob": 60}]
        assert dict(world.supervisor._timers.dues) == {b"bob": 70}

    world.run(body)


def test_a_due_input_tells_the_clock_of_the_partition() -> None:
    clocks: list[int] = []

    class Watching(TimerStage):
        def step(
            self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
        ) -> Stepped:
            clocks.extend(each.clock_ms for each in inputs if isinstance(each, Due))
            return super().step(key, state, inputs, clock_ms)

    world = make_world(log_of("tick 90", "ann at 50", "tick 40"), stage=Watching())
    world.run_to_end()
    assert clocks == [90]  # time does not go back with a late tick
