"""A record whose outputs no broker takes is found, dead-lettered, and stops nobody else."""

from pipeline.engine.chunk import Chunk
from pipeline.engine.ports import (
    Output,
    Record,
    Refused,
)
from tests.engine.fakes import (
    CountingStage,
    Crash,
    call,
    tick,
    wait_until,
)
from tests.engine.world import World, calls


def test_one_record_with_too_large_an_output_is_dead_lettered_alone() -> None:
    records = [*calls(37), call(37, "ann", "huge"), tick(38, 5), *calls(60)[39:]]
    world = World(*records)
    world.run_to_end()
    world.assert_exactly_once()
    dead = [output for output in world.broker.outputs if output.topic == "dead"]
    assert [output.value for output in dead] == [b"37 output_too_large"]
    assert world.time.slept == []
    assert world.observer.accounted == 60


def test_two_records_with_too_large_outputs_are_both_found() -> None:
    records = [call(0, value="huge"), call(1), call(2), call(3, value="huge"), call(4)]
    world = World(*records)
    world.run_to_end()
    world.assert_exactly_once()
    values = [output.value for output in world.broker.outputs if output.topic == "dead"]
    assert values == [b"0 output_too_large", b"3 output_too_large"]


def test_a_failure_while_halving_does_not_condemn_anybody_else() -> None:
    world = World(*calls(5), call(5, value="huge"), *calls(12)[6:])
    world.faults.at("after commit", Crash(), Crash()).at("open", *[Crash() for _ in range(2)])
    world.run_to_end()
    world.assert_exactly_once()
    assert [o.value for o in world.broker.outputs if o.topic == "dead"] == [b"5 output_too_large"]


def test_a_dead_letter_that_is_itself_too_large_is_shown_and_not_dropped() -> None:
    class Verbose(CountingStage):
        def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
            return Refused(reason, Output("dead", b"", b"x" * 1_000))

    world = World(call(0, value="huge"), stage=Verbose())

    async def body() -> None:
        await wait_until(lambda: world.supervisor.status.ready)
        world.supervisor.put(Chunk(world.log.records))
        await wait_until(lambda: len(world.time.slept) >= 3)
        assert world.supervisor.status.state == "retrying"
        assert "OutputTooLarge" in world.supervisor.status.detail

    world.run(body)
    assert world.broker.outputs == []
