"""A supervised lane outlives whatever happens to it, and says how it is."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import Fenced, StoreCorrupt, StoreFailed, TimedOut
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import (
    ChangelogEntry,
    Changes,
    Checkpoint,
    Position,
)
from pipeline.engine.stores.memory import MemoryStore
from tests.engine.fakes import (
    PARTITION,
    Crash,
    FakeBroker,
    call,
    wait_until,
)
from tests.engine.world import World, calls


def test_a_lane_opens_restores_runs_and_closes() -> None:
    world = World(*calls(10))
    assert world.supervisor.status.state == "new"
    world.run_to_end(most=3)
    world.assert_exactly_once()
    assert [state for state, _ in world.observer.states] == [
        "opening",
        "restoring",
        "running",
        "closed",
    ]
    assert world.log.seeks == [0]
    assert world.units[0].closed
    assert world.observer.failures == []


def test_the_position_in_the_state_wins_over_where_the_reader_stands() -> None:
    world = World(*calls(10))

    async def body() -> None:
        # The reader begins at the end, as after a reset of the group's offsets.
        world.log.position = 8
        chunk = world.log.fetch(10)
        assert chunk is not None
        world.supervisor.put(chunk)
        await world.deliver(4)

    world.run(body)
    world.assert_exactly_once()


@pytest.mark.parametrize(
    "step", ["open", "begin", "send", "after send", "after offsets", "after commit", "close"]
)
@pytest.mark.parametrize("error", [Crash(), Fenced("older than its time-out")], ids=repr)
def test_a_failure_at_any_step_is_mended(step: str, error: Exception) -> None:
    world = World(*calls(30))
    world.faults.at(step, error)
    if step == "close":
        world.faults.at("send", Crash())
    world.run_to_end(most=7)
    world.assert_exactly_once()
    assert len(world.units) == 2
    assert all(unit.closed for unit in world.units[step == "close" :])
    assert world.observer.accounted == 30  # a commit of unknown outcome is told all the same
    assert world.time.slept == [0.1]
    assert world.log.seeks == [0]  # the chunk was kept: nothing is fetched twice


def test_the_pause_doubles_up_to_its_limit_and_begins_anew_after_success() -> None:
    world = World(*calls(2))
    world.faults.at("begin", *[Crash() for _ in range(8)])

    async def body() -> None:
        await world.deliver(100)
        world.log.records.append(call(2))
        world.faults.at("begin", Crash())
        await world.deliver(100)

    world.run(body)
    assert world.time.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 0.1]
    world.assert_exactly_once()


def test_a_failing_lane_says_why_until_a_commit_succeeds() -> None:
    world = World(*calls(2))
    world.faults.at("send", ConnectionError("no broker"), ConnectionError("still none"))
    world.run_to_end()
    assert world.observer.states[2:-1] == [
        ("running", ""),
        ("retrying", "commit failed: ConnectionError: no broker"),
        ("retrying", "commit failed: ConnectionError: still none"),
        ("running", ""),
    ]


def test_an_await_that_never_ends_is_cut_off() -> None:
    for step in ("open", "send", "after commit", "close"):
        world = World(*calls(4), limits=LaneLimits(phase_seconds=0.02, close_seconds=0.02))
        world.faults.hang_at(step)
        if step == "close":
            world.faults.at("send", Crash())
        world.run_to_end()
        world.assert_exactly_once()
        expected = TimeoutError if step == "close" else TimedOut
        assert expected in [type(error) for _, error in world.observer.failures]


def test_a_future_cancelled_below_does_not_end_the_lane() -> None:
    world = World(*calls(4))
    world.faults.at("after send", asyncio.CancelledError())
    world.run_to_end()
    world.assert_exactly_once()
    assert world.supervisor.status.state == "closed"
    assert len(world.units) == 2


def test_a_log_that_lost_unprocessed_records_stops_the_lane_and_says_so() -> None:
    world = World(*calls(20))
    world.broker.append([], {}, Position(5))
    world.log.log_start = 9

    async def body() -> None:
        await wait_until(lambda: len(world.time.slept) > 3)
        status = world.supervisor.status
        assert (status.state, status.ready) == ("gap", False)
        assert "records from offset 5 to 8 are missing" in status.detail
        assert world.broker.outputs == []
        world.log.log_start = 0  # brought back
        await world.deliver(100)

    world.run(body)
    assert sorted(world.broker.seen().offsets) == list(range(5, 20))


def test_a_new_lane_begins_at_the_start_of_a_log_that_was_trimmed() -> None:
    world = World(*calls(20)[9:])
    world.log.log_start = 9
    world.run_to_end()
    world.assert_exactly_once()
    assert world.observer.failures == []


def test_a_chunk_from_before_the_seek_is_read_again_rather_than_believed() -> None:
    world = World(*calls(20))

    async def body() -> None:
        await wait_until(lambda: world.supervisor.status.ready)
        world.supervisor.put(Chunk(world.log.records[12:], 12, 20))
        await world.deliver(6)

    world.run(body)
    world.assert_exactly_once()
    assert world.log.seeks == [0, 0]


def test_a_reader_that_leaves_out_records_again_and_again_is_asked_ever_less_often() -> None:
    world = World(*calls(2), call(5))

    async def body() -> None:
        seeks = 0
        async with asyncio.timeout(5):
            while len(world.time.slept) < 4:
                if len(world.log.seeks) > seeks and world.supervisor.status.state != "restoring":
                    seeks = len(world.log.seeks)
                    # It cannot say from where it read, so offset 5 after 1 is a gap.
                    world.supervisor.put(Chunk(world.log.records[2:]))
                await asyncio.sleep(0)
        assert world.supervisor.status.state == "gap"

    world.run(body)
    assert world.broker.outputs == []
    assert world.time.slept[:4] == [0.1, 0.2, 0.4, 0.8]


def test_the_intake_is_paused_while_commits_lag_and_resumed_after() -> None:
    world = World(
        *calls(60), limits=LaneLimits(max_records=10, high_water_records=20, low_water_records=5)
    )
    world.run_to_end(most=5)
    world.assert_exactly_once()
    assert world.log.pauses > 0
    assert not world.log.paused
    assert len(world.broker.commits) < 12  # chunks that queued up were merged


class BrokenStore(MemoryStore):
    """Fails once after its first write, then stays broken until it is opened anew."""

    def __init__(self, error: StoreFailed | None) -> None:
        super().__init__()
        self.error = error
        self.cleared = False
        self.closed = False

    def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
        if self.error is not None and changes:
            raise self.error
        super().apply(changes, checkpoint)

    def clear(self) -> None:
        self.cleared = True
        super().clear()

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("error", "cleared"),
    [(StoreFailed("disk full", retry_after_seconds=1.0), False), (StoreCorrupt("bad"), True)],
    ids=["disk full", "damaged"],
)
def test_a_store_that_fails_is_opened_anew_and_a_damaged_one_cleared(
    error: StoreFailed, cleared: bool
) -> None:
    stores = [BrokenStore(error), BrokenStore(None)]
    waiting = iter(stores)
    world = World(*calls(9), open_store=lambda: next(waiting))
    world.run_to_end(most=4)
    world.assert_exactly_once()
    assert (stores[0].closed, stores[0].cleared) == (True, cleared)
    assert world.time.slept == [error.retry_after_seconds or 0.1]
    assert world.observer.accounted == 9


def test_restoring_may_take_longer_than_its_limit_as_long_as_it_moves_on() -> None:
    class SlowBroker(FakeBroker):
        async def read(self, start: int, end: int) -> AsyncIterator[Sequence[ChangelogEntry]]:
            async for batch in super().read(start, end):
                await asyncio.sleep(0.02)
                yield batch

    broker = SlowBroker()
    world = World(*calls(4), limits=LaneLimits(phase_seconds=0.06), broker=broker)
    for number in range(20):
        broker.append([], {b"customer%d" % number: b"1"}, Position(0))
    world.run(lambda: wait_until(lambda: world.supervisor.status.ready))
    assert world.observer.failures == []


def test_status_says_what_a_readiness_page_needs() -> None:
    world = World(*calls(4))

    async def body() -> None:
        await world.deliver(100)
        await wait_until(lambda: world.supervisor.status.last_commit_seconds is not None)
        status = world.supervisor.status
        assert (status.partition, status.state, status.next_offset) == (PARTITION, "running", 4)
        assert status.ready

    world.run(body)
