"""Orders for actions: what is held waits, what is cancelled is never sent, what needs approval
waits for it, and nobody else waits with it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from pipeline.adapters.dispatch.ends import End, Parked, Progress
from pipeline.adapters.dispatch.journey import LONGEST_HOLD_SECONDS
from pipeline.adapters.dispatch.outlet import Limits
from pipeline.adapters.dispatch.port import Message, Settled, TryAgain
from schemas.care import CareAction
from tests.services.virtual_time import run
from tests.unit.dispatching import START, FakeChannel, World, an_action, elapsed, now
from tests.unit.test_dispatcher import timed

IN_AN_HOUR = START + timedelta(hours=1)


async def see_through(world: World, action: CareAction) -> End:
    """Take an action up as often as it is put off, when it is due."""
    progress = Progress()
    while True:
        ended = await world.dispatcher.carry_out(action, progress)
        if isinstance(ended, End):
            return ended
        progress = ended.progress
        await asyncio.sleep(max(0.0, (ended.not_before - now()).total_seconds()))


async def put_off(world: World, **changes: Any) -> Parked:
    ended = await world.dispatcher.carry_out(an_action(**changes))
    assert isinstance(ended, Parked), ended
    return ended


@timed
async def test_what_is_held_is_put_off_without_an_attempt() -> None:
    world = World({"sms": FakeChannel()})
    world.orders.give("a-1", "hold")
    parked = await put_off(world)
    assert parked.why == "held"
    assert parked.progress == Progress(holds=1)
    assert world.channels["sms"].sent == []
    assert world.watcher.counts["parked", "held"] == 1


@timed
async def test_what_is_released_is_sent_once_and_soon() -> None:
    world = World({"sms": FakeChannel()})
    world.orders.give("a-1", "hold")
    journey = asyncio.create_task(see_through(world, an_action(expires_at=IN_AN_HOUR)))
    await asyncio.sleep(1_000)
    world.orders.give("a-1", "release")
    assert (await journey).result == "done"
    (sent,) = world.channels["sms"].times
    assert 1_000 <= sent <= 1_000 + LONGEST_HOLD_SECONDS


@timed
async def test_what_is_cancelled_is_suppressed_and_says_who_and_why() -> None:
    world = World({"sms": FakeChannel(), "email": FakeChannel()})
    world.orders.give("a-1", "cancel", reason="the customer called")
    end = await see_through(world, an_action(fallbacks=("email",)))
    assert (end.result, end.channel) == ("suppressed", None)
    assert end.detail == "cancelled by anna: the customer called"
    assert world.channels["sms"].sent == world.channels["email"].sent == []


@timed
async def test_a_cancellation_is_for_good() -> None:
    world = World({"sms": FakeChannel()})
    world.orders.give("a-1", "cancel")
    world.orders.give("a-1", "release")
    world.orders.give("a-1", "approve")
    assert (await see_through(world, an_action())).result == "suppressed"


@timed
async def test_what_needs_approval_waits_for_it() -> None:
    world = World({"sms": FakeChannel()})
    action = an_action(needs_approval=True, expires_at=IN_AN_HOUR)
    journey = asyncio.create_task(see_through(world, action))
    await asyncio.sleep(100)
    world.orders.give("a-1", "hold")
    world.orders.give("a-1", "release")  # no approval
    await asyncio.sleep(100)
    assert world.channels["sms"].sent == []
    world.orders.give("a-1", "approve")
    assert (await journey).result == "done"
    assert world.watcher.counts["parked", "approval"] >= 2


@timed
async def test_an_approval_stays_given_through_hold_and_release() -> None:
    world = World({"sms": FakeChannel()})
    for order in ("approve", "hold", "release"):
        world.orders.give("a-1", order)
    assert (await see_through(world, an_action(needs_approval=True))).result == "done"


@pytest.mark.parametrize("kept", ["held", "approval"])
def test_what_nobody_lets_go_expires_once(kept: str) -> None:
    async def check() -> None:
        world = World({"sms": FakeChannel()})
        if kept == "held":
            world.orders.give("a-1", "hold")
        action = an_action(needs_approval=kept == "approval", expires_at=IN_AN_HOUR)
        end = await see_through(world, action)
        assert end.result == "expired"
        assert end.detail in ("held by anna: asked for", "nobody has approved it")
        assert end.at == IN_AN_HOUR
        assert world.channels["sms"].sent == []
        assert world.watcher.counts["settled", "transaction_alert", "expired"] == 1

    run(check())


@timed
async def test_a_hold_between_two_attempts_stops_the_second() -> None:
    async def refuse_and_hold(message: Message) -> Settled:
        world.orders.give("a-1", "hold")
        return TryAgain("HTTP 503")

    world = World({"sms": FakeChannel(refuse_and_hold)})
    parked = await put_off(world)
    assert (parked.why, parked.progress.attempts) == ("held", 1)
    assert len(world.channels["sms"].sent) == 1


@timed
async def test_nothing_is_sent_while_orders_are_not_known() -> None:
    world = World({"sms": FakeChannel()})
    world.orders.unknown = True
    journey = asyncio.create_task(see_through(world, an_action()))
    await asyncio.sleep(50)
    assert world.channels["sms"].sent == []
    world.orders.unknown = False
    assert (await journey).result == "done"


@timed
async def test_time_on_hold_does_not_count_as_age_at_the_destination() -> None:
    world = World({"sms": FakeChannel()}, limits={"sms": Limits(max_age_seconds=60)})
    world.orders.give("a-1", "hold")
    journey = asyncio.create_task(see_through(world, an_action(expires_at=IN_AN_HOUR)))
    await asyncio.sleep(600)
    world.orders.give("a-1", "release")
    assert (await journey).result == "done"


@timed
async def test_what_is_held_delays_nobody() -> None:
    world = World({"sms": FakeChannel()}, limits={"sms": Limits(concurrency=1, queue=1_000)})
    for n in range(50):
        world.orders.give(f"held-{n}", "hold")
    held = [asyncio.create_task(put_off(world, id=f"held-{n}")) for n in range(50)]
    end = await see_through(world, an_action(id="free"))
    assert (end.result, elapsed()) == ("done", 0.0)
    await asyncio.gather(*held)


@timed
async def test_doing_nothing_on_purpose_can_be_cancelled_too() -> None:
    world = World({})
    world.orders.give("a-1", "cancel")
    assert (await see_through(world, an_action(channel="none"))).result == "suppressed"
