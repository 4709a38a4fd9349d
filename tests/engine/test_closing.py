"""A lane ends in bounded time, and what it had begun is finished or undone."""

import asyncio

import pytest

from pipeline.engine.chunk import Chunk
from pipeline.engine.ports import (
    Position,
)
from tests.engine.fakes import (
    FakeUnit,
    call,
    wait_until,
)
from tests.engine.world import World, calls


def test_cancelling_the_task_ends_the_lane_and_closes_what_it_holds() -> None:
    world = World(*calls(4))

    async def main() -> None:
        task = asyncio.create_task(world.supervisor.run())
        await wait_until(lambda: world.supervisor.status.ready)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert world.units[0].closed
    assert world.supervisor.status.state == "closed"


def test_closing_lets_the_transaction_under_way_finish() -> None:
    release = asyncio.Event()

    class Slow(FakeUnit):
        async def send_offsets(self, position: Position) -> None:
            await release.wait()
            await super().send_offsets(position)

    world = World(*calls(4), unit_type=Slow)

    async def body() -> None:
        await wait_until(lambda: world.supervisor.status.ready)
        chunk = world.log.fetch(100)
        assert chunk is not None
        world.supervisor.put(chunk)
        asyncio.get_running_loop().call_later(0.02, release.set)
        await asyncio.sleep(0)

    world.run(body, grace_seconds=5)
    world.assert_exactly_once()


def test_closing_cuts_a_transaction_off_after_the_grace() -> None:
    world = World(*calls(4))
    world.faults.hang_at("after offsets")

    async def body() -> None:
        await wait_until(lambda: world.supervisor.status.ready)
        chunk = world.log.fetch(100)
        assert chunk is not None
        world.supervisor.put(chunk)
        await wait_until(lambda: world.faults.planned["after offsets"] == [])

    world.run(body, grace_seconds=0.02)
    assert world.broker.outputs == []
    assert world.units[0].closed
    assert world.supervisor.status.state == "closed"


def test_closing_does_not_wait_for_a_lane_that_cannot_open() -> None:
    world = World()
    world.faults.hang_at("open")

    async def body() -> None:
        await wait_until(lambda: world.supervisor.status.state == "opening")

    world.run(body, grace_seconds=60)
    assert world.supervisor.status.state == "closed"


def test_chunks_put_after_closing_are_ignored() -> None:
    world = World(*calls(4))
    world.run_to_end()
    world.supervisor.put(Chunk([call(4)]))
    assert world.supervisor.status.queued_records == 0
