"""A lane steps, commits, and survives a crash at every step of it."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import Fenced, Gap, StateTooNew
from pipeline.engine.lane import Lane
from pipeline.engine.ports import (
    POSITION_KEY,
    Changes,
    Checkpoint,
    LogRecord,
    Position,
    Stepped,
    Store,
)
from pipeline.engine.restore import restore
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from tests.engine.fakes import (
    PARTITION,
    CountingStage,
    Crash,
    FakeBroker,
    FakeObserver,
    FakeUnit,
    Faults,
    call,
    tick,
)


async def open_lane(
    broker: FakeBroker,
    store: Store,
    *,
    faults: Faults | None = None,
    observer: FakeObserver | None = None,
    stage: CountingStage | None = None,
) -> Lane:
    unit = FakeUnit(broker, faults)
    await unit.open()
    stage = stage or CountingStage()
    timers = Timers(stage.due_of)
    await restore(store, broker, now_ms=0, tombstones_kept_ms=1, timers=timers)
    return Lane(
        partition=PARTITION,
        stage=stage,
        store=store,
        timers=timers,
        unit=unit,
        observer=observer or FakeObserver(),
        monotonic_seconds=lambda: 0.0,
    )


class _Process:
    """Runs chunks on a fresh lane and keeps what would survive it."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.store = MemoryStore()
        self.observer = FakeObserver()

    def run(
        self,
        *chunks: Chunk,
        faults: Faults | None = None,
        stage: CountingStage | None = None,
    ) -> Lane:
        async def work() -> Lane:
            lane = await open_lane(
                self.broker, self.store, faults=faults, observer=self.observer, stage=stage
            )
            for chunk in chunks:
                await lane.process(chunk)
            return lane

        return asyncio.run(work())


def chunk(*records: LogRecord) -> Chunk:
    return Chunk(records)


def test_each_record_is_stepped_once_in_the_order_of_its_key() -> None:
    process = _Process()
    process.run(chunk(call(0), call(1, "bob"), call(2)), chunk(call(3, "bob"), call(4)))
    seen = process.broker.seen()
    assert sorted(seen.offsets) == [0, 1, 2, 3, 4]
    assert seen.counts == {b"ann": [1, 2, 3], b"bob": [1, 2]}
    assert dict(process.store.items()) == {b"ann": b"3", b"bob": b"2"}
    assert process.store.checkpoint().position == Position(5, 0)
    assert process.broker.group_offset == 5


def test_records_below_the_position_are_skipped_and_in_no_metric() -> None:
    process = _Process()
    lane = process.run(chunk(call(0), call(1)), chunk(call(0), call(1), call(2)), chunk(call(2)))
    assert process.broker.seen().offsets == [0, 1, 2]
    assert lane.replays == 3
    assert process.observer.accounted == 3
    assert len(process.broker.commits) == 2


def test_a_chunk_above_the_position_stops_the_lane() -> None:
    process = _Process()
    with pytest.raises(Gap, match="offset 1 to 4 are missing") as raised:
        process.run(chunk(call(0)), chunk(call(5)))
    assert (raised.value.expected, raised.value.found) == (1, 5)
    assert process.broker.seen().offsets == [0]


def test_offsets_that_hold_no_record_are_no_gap() -> None:
    process = _Process()
    process.run(Chunk([call(0)], 0, 4), Chunk([call(9)], 4, 11))
    assert process.broker.seen().offsets == [0, 9]
    assert process.store.checkpoint().position.next_offset == 11


def test_a_new_lane_begins_where_its_log_begins() -> None:
    process = _Process()
    process.run(chunk(call(700)))
    assert process.store.checkpoint().position.next_offset == 701


def test_every_record_read_is_told_as_one_of_three() -> None:
    process = _Process()
    records = [call(0), call(1, value="seen"), call(2, value="bad"), tick(3, 9), call(4, "bob")]
    process.run(chunk(*records))
    (told,) = process.observer.commits
    assert (told.processed, told.duplicates, told.refused) == (3, 1, {"bad": 1})
    assert told.outputs == len(process.broker.outputs) == 4


def test_a_tick_splits_its_chunk_and_time_never_goes_back() -> None:
    steps: list[tuple[bytes, bytes | None, int]] = []

    class Watching(CountingStage):
        def step(
            self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
        ) -> Stepped:
            steps.append((key, state, len(inputs)))
            return super().step(key, state, inputs, clock_ms)

    process = _Process()
    process.run(
        chunk(call(0), call(1, "bob"), tick(2, 50), call(3), call(4), tick(5, 40), call(6)),
        stage=Watching(),
    )
    assert steps == [
        (b"ann", None, 1),
        (b"bob", None, 1),
        (b"ann", b"1", 2),
        (b"ann", b"3", 1),
    ]
    assert process.store.checkpoint().position == Position(7, 50)
    process.run(chunk(tick(7, 45), call(8)))
    assert process.store.checkpoint().position == Position(9, 50)


def test_only_what_changed_is_written_and_the_position_always() -> None:
    process = _Process()
    process.run(chunk(call(0), call(1, "bob")))
    process.run(chunk(call(2, value="seen"), tick(3, 7)))
    assert process.broker.transactions[-1] == {}
    assert process.broker.entries[-1].key == POSITION_KEY
    process.run(chunk(call(4, value="erase"), call(5, "cy", "erase")))
    assert process.broker.transactions[-1] == {b"ann": None}
    assert dict(process.store.items()) == {b"bob": b"1"}


def test_a_state_that_comes_back_to_where_it_was_is_not_written() -> None:
    process = _Process()
    process.run(chunk(call(0)))
    process.run(chunk(call(1, value="erase"), tick(2, 1), call(3)))
    assert process.broker.transactions[-1] == {}


def test_a_record_the_stage_raises_on_becomes_a_dead_letter_alone() -> None:
    process = _Process()
    process.run(
        chunk(
            call(0),
            call(1, "bob"),
            call(2, value="boom"),
            call(3, value="unreadable"),
            call(4),
            call(5, value="seen"),
        )
    )
    seen = process.broker.seen()
    assert sorted(seen.offsets) == [0, 1, 2, 3, 4, 5]
    assert seen.counts == {b"ann": [1, 2], b"bob": [1]}
    dead = sorted(output.value for output in process.broker.outputs if output.topic == "dead")
    assert dead == [b"2 internal_error", b"3 internal_error"]
    (told,) = process.observer.commits
    assert (told.processed, told.duplicates, told.refused) == (3, 1, {"internal_error": 2})


def test_a_state_from_a_newer_release_stops_the_lane_and_condemns_no_record() -> None:
    class Newer(CountingStage):
        def step(
            self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
        ) -> Stepped:
            raise StateTooNew("version 9")

    process = _Process()
    with pytest.raises(StateTooNew):
        process.run(chunk(call(0)), stage=Newer())
    assert process.broker.outputs == []


def test_a_key_cannot_overwrite_the_position() -> None:
    process = _Process()
    process.run(chunk(LogRecord(0, POSITION_KEY, b"call"), call(1)))
    assert process.observer.commits[0].refused == {"reserved_key": 1}
    assert dict(process.store.items()) == {b"ann": b"1"}


def test_a_failed_commit_leaves_store_and_position_as_they_were() -> None:
    process = _Process()
    process.run(chunk(call(0)))
    with pytest.raises(Crash):
        process.run(chunk(call(1)), faults=Faults().at("after send", Crash()))
    assert process.store.checkpoint().position == Position(1)
    assert dict(process.store.items()) == {b"ann": b"1"}


@pytest.mark.parametrize("wiped", [False, True], ids=["same store", "store wiped"])
@pytest.mark.parametrize("step", ["begin", "send", "after send", "after offsets", "after commit"])
def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(step: str, wiped: bool) -> None:
    process = _Process()
    first, second = chunk(call(0), call(1, "bob")), chunk(call(2), call(3, value="bad"), call(4))
    process.run(first)
    with pytest.raises(Crash):
        process.run(second, faults=Faults().at(step, Crash()))
    if wiped:
        process.store = MemoryStore()
    process.run(first, second, chunk(call(5)))
    seen = process.broker.seen()
    assert sorted(seen.offsets) == [0, 1, 2, 3, 4, 5]
    assert seen.counts == {b"ann": [1, 2, 3, 4], b"bob": [1]}
    assert dict(process.store.items()) == {b"ann": b"4", b"bob": b"1"}


def test_a_crash_after_the_store_was_written_doubles_nothing() -> None:
    process = _Process()

    def die() -> None:
        raise Crash

    process.observer.on_committed = die
    with pytest.raises(Crash):
        process.run(chunk(call(0)))
    process.observer.on_committed = lambda: None
    process.run(chunk(call(0), call(1)))
    assert process.broker.seen().offsets == [0, 1]


def test_a_store_that_fails_after_the_commit_catches_up_from_the_changelog() -> None:
    class Failing(MemoryStore):
        fails = False

        def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
            if self.fails:
                raise Crash
            super().apply(changes, checkpoint)

    process = _Process()
    process.store = store = Failing()
    process.run(chunk(call(0)))

    async def work() -> None:
        lane = await open_lane(process.broker, store, observer=process.observer)
        store.fails = True
        with pytest.raises(Crash):
            await lane.process(chunk(call(1)))

    asyncio.run(work())
    assert process.observer.accounted == 2
    store.fails = False
    process.run(chunk(call(1), call(2)))
    assert process.broker.seen() == ([0, 1, 2], {b"ann": [1, 2, 3]})
    assert process.observer.accounted == 3


def test_a_zombie_cannot_commit_and_its_store_stays_clean() -> None:
    broker, zombie_store = FakeBroker(), MemoryStore()

    async def work() -> None:
        zombie = await open_lane(broker, zombie_store)
        await zombie.process(chunk(call(0)))
        owner = await open_lane(broker, MemoryStore())
        await owner.process(chunk(call(1)))
        with pytest.raises(Fenced):
            await zombie.process(chunk(call(1)))

    asyncio.run(work())
    assert broker.seen().offsets == [0, 1]
    assert dict(zombie_store.items()) == {b"ann": b"1"}
