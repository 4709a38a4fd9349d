"""Timers fire the same whatever the chunks are, whatever breaks, and as the oracle says."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.engine.errors import Fenced
from pipeline.engine.ports import Checkpoint, LogRecord, Timer
from pipeline.engine.timers import BUCKET_MS, Agenda, Timers
from tests.chaos.oracle import Oracle
from tests.engine.fakes import Crash, FakeBroker
from tests.engine.test_exactly_once import Disk, Session, kill_in_the_middle, sessions
from tests.engine.timer_toy import Result, TimerStage, log_of, make_world, result_of

times = st.integers(0, 60) | st.integers(0, 60).map(lambda n: n * 15_000)
_ADD = st.lists(times, min_size=1, max_size=3).map(lambda t: " ".join(["at", *map(str, t)]))
_SET = st.builds("{} {}".format, st.sampled_from(["only", "only", "stuck"]), times)
_PLAIN = st.sampled_from(["call", "never", "erase", "bad"])
_FAILING = st.builds("{} {}".format, st.sampled_from(["broken", "huge"]), times)
_KEYS = st.sampled_from(["ann", "bob", "cy", "dora", "eve"])
_TICKS = times.map("tick {}".format)


def logs(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[LogRecord]]:
    lines = st.builds("{} {}".format, _KEYS, values) | _TICKS
    return st.lists(lines, min_size=1, max_size=40).map(lambda some: log_of(*some))


sound = logs(_ADD | _ADD | _SET | _PLAIN)


def run(records: list[LogRecord], *, fetch: int, max_records: int, max_timers: int) -> Result:
    world = make_world(records, max_records=max_records, max_timers=max_timers)
    world.run_to_end(fetch)
    assert world.observer.accounted == len(records)
    return result_of(world.broker)


@settings(max_examples=150, deadline=None)
@given(
    records=logs(_ADD | _ADD | _SET | _PLAIN | _FAILING),
    fetch=st.integers(1, 40),
    max_records=st.integers(1, 40),
    max_timers=st.integers(1, 9),
)
def test_results_depend_neither_on_chunks_nor_on_how_many_may_fire_at_once(
    records: list[LogRecord], fetch: int, max_records: int, max_timers: int
) -> None:
    one = run(records, fetch=1, max_records=1, max_timers=1_000)
    assert run(records, fetch=fetch, max_records=max_records, max_timers=max_timers) == one


@settings(max_examples=100, deadline=None)
@given(records=sound, fetch=st.integers(1, 40))
def test_the_oracle_finds_the_same(records: list[LogRecord], fetch: int) -> None:
    found = run(records, fetch=fetch, max_records=40, max_timers=3)
    oracle = Oracle(TimerStage())
    oracle.feed(0, records, until=len(records))
    expected = oracle.outcome
    assert found.states == expected.states
    assert found.position == expected.positions[0]
    dues = Counter((key.encode(), value.encode()) for key, value in found.dues)
    assert dues == expected.outputs.get("due", Counter())
    assert Counter(o[1:] for lot in found.others.values() for o in lot) == expected.outputs.get(
        "count", Counter()
    )


def live_through(records: list[LogRecord], lives: list[Session], disk: Disk) -> Result:
    broker = FakeBroker()
    for session in lives:
        disk.change(session.disk)
        world = make_world(
            records,
            max_records=session.max_records,
            max_timers=1 + session.fetch // 4,
            broker=broker,
            open_store=disk.open,
        )
        for step, fenced in session.faults:
            world.faults.at(step, Fenced("") if fenced else Crash())
        asyncio.run(kill_in_the_middle(world, session))
        disk.keep_a_copy()
    world = make_world(records, max_timers=2, broker=broker, open_store=disk.open)
    world.run_to_end(7)
    return result_of(broker)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=sound, lives=sessions)
def test_whatever_breaks_each_timer_fires_once_with_states_in_memory(
    records: list[LogRecord], lives: list[Session]
) -> None:
    result = live_through(records, lives, Disk(Path("unused"), rocksdb=False))
    assert result == run(records, fetch=1, max_records=1, max_timers=1_000)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=sound, lives=sessions)
def test_whatever_breaks_each_timer_fires_once_with_states_in_rocksdb(
    records: list[LogRecord], lives: list[Session]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        result = live_through(records, lives, Disk(Path(directory), rocksdb=True))
    assert result == run(records, fetch=1, max_records=1, max_timers=1_000)


far = st.integers(-3 * BUCKET_MS, 3 * BUCKET_MS) | st.integers(0, 2**53)
changes = st.lists(st.tuples(st.binary(max_size=1), st.none() | far), max_size=12).map(dict)


@settings(deadline=None)
@given(
    rounds=st.lists(
        st.tuples(changes, changes, far, st.integers(0, 5), st.none() | far), max_size=15
    )
)
def test_timers_give_what_a_sorted_list_would(
    rounds: list[tuple[dict[bytes, int | None], dict[bytes, int | None], int, int, int | None]],
) -> None:
    timers, model = Timers(lambda state: None), dict[bytes, int]()
    for changed, unsaved, clock_ms, most, after_ms in rounds:
        timers.apply(changed, Checkpoint())
        model = {k: due for k, due in (model | changed).items() if due is not None}
        after: Timer | None = None if after_ms is None else (after_ms, b"\x80")
        assert timers.dues == model
        wanted = sorted((due, key) for key, due in model.items() if due <= clock_ms)
        wanted = [timer for timer in wanted if after is None or timer > after]
        assert timers.due(clock_ms, after, most) == wanted[:most]
        seen = {k: due for k, due in (model | unsaved).items() if due is not None}
        agenda = Agenda(timers, unsaved, clock_ms, after, 1_000)
        found = list(iter(agenda.take, None))
        wanted = sorted((due, key) for key, due in seen.items() if due <= clock_ms)
        assert found == [timer for timer in wanted if after is None or timer > after]


@given(st.lists(st.integers(0, 40), min_size=50, max_size=400))
def test_places_that_keys_have_left_do_not_pile_up(minutes: list[int]) -> None:
    timers = Timers(lambda state: None)
    for n, minute in enumerate(minutes):
        timers.put(b"%d" % (n % 3), minute * BUCKET_MS)
    places = sum(len(keys) for keys in timers._minutes.values())
    assert places <= 2 * 3 + len(timers._minutes)
