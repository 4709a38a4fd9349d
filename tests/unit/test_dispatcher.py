"""Carrying out: the right channel, at the right time, only while it is wanted; nobody waits for
another's destination."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest

from pipeline.adapters.dispatch.ends import End, Parked, Progress
from pipeline.adapters.dispatch.journey import LONGEST_PARK_SECONDS, Rules
from pipeline.adapters.dispatch.outlet import Limits
from pipeline.adapters.dispatch.port import Done, Failed, Message, RenderError, Settled, TryAgain
from schemas.care import Quiet
from tests.services.virtual_time import run
from tests.unit.dispatching import (
    START,
    FakeChannel,
    FakeConsents,
    World,
    an_action,
    elapsed,
    now,
)

BUSY = TryAgain("HTTP 503")
DOUBT = TryAgain("no answer within 10 s", in_doubt=True)
PATIENT = Rules(hold_seconds=1e6)
"""Nothing is put off: journeys are seen to their end."""


def timed(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in virtual time."""

    @wraps(test)
    def in_virtual_time(*arguments: Any, **named: Any) -> None:
        run(test(*arguments, **named))

    return in_virtual_time


def an_end(ended: End | Parked) -> End:
    assert isinstance(ended, End), ended
    return ended


def parked(ended: End | Parked) -> Parked:
    assert isinstance(ended, Parked), ended
    return ended


async def end_of(world: World, **changes: Any) -> End:
    return an_end(await world.dispatcher.carry_out(an_action(**changes)))


@timed
async def test_an_action_is_sent_once_with_its_text_and_done() -> None:
    world = World(
        {"sms": FakeChannel()}, render=lambda name, tag, fields: f"{name} {fields['amount']}"
    )
    end = await end_of(world)
    assert end == End("done", now(), "sms", attempts=1)
    assert [message for _, message in world.channels["sms"].sent] == [
        Message(an_action(), "sms", "alert 12.00")
    ]
    assert world.watcher.counts["settled", "transaction_alert", "done"] == 1


@timed
async def test_a_slow_destination_never_delays_another() -> None:
    slow = FakeChannel(seconds=9.0)
    quick = FakeChannel(seconds=0.01)
    limits = {"email": Limits(concurrency=2), "sms": Limits(concurrency=2)}
    world = World({"email": slow, "sms": quick}, limits=limits)
    ended_at: dict[str, float] = {}

    async def carry(number: int, channel: str) -> None:
        await world.dispatcher.carry_out(an_action(id=f"{channel}-{number}", channel=channel))
        ended_at[f"{channel}-{number}"] = elapsed()

    async with asyncio.TaskGroup() as tasks:
        for number in range(500):
            tasks.create_task(carry(number, "email"))
        for number in range(100):
            tasks.create_task(carry(number, "sms"))
    assert max(at for name, at in ended_at.items() if name.startswith("sms")) < 1.0
    assert slow.most_under_way == quick.most_under_way == 2


@timed
async def test_a_failing_destination_is_tried_again_with_growing_jittered_pauses() -> None:
    channel = FakeChannel(BUSY, BUSY, BUSY, BUSY, Done())
    limits = {"sms": Limits(circuit_failures=100)}
    world = World({"sms": channel}, limits=limits, rules=PATIENT)
    assert (await end_of(world)).attempts == 5
    pauses = [
        after - before for before, after in zip(channel.times, channel.times[1:], strict=False)
    ]
    for n, pause in enumerate(pauses):
        assert 0.25 * 2**n <= pause <= 0.5 * 2**n
    assert world.watcher.counts["attempted", "sms", "retry"] == 4


@timed
async def test_the_receivers_own_wish_is_waited_for() -> None:
    channel = FakeChannel(TryAgain("HTTP 429", 30.0), Done())
    world = World({"sms": channel}, rules=PATIENT)
    await end_of(world)
    assert channel.times == [0.0, 30.0]


@timed
async def test_what_would_wait_long_is_put_off_and_goes_on_where_it_was() -> None:
    channel = FakeChannel(TryAgain("HTTP 429", 30.0), Done())
    world = World({"sms": channel})
    put_off = parked(await world.dispatcher.carry_out(an_action()))
    assert put_off.not_before == START + timedelta(seconds=30)
    assert put_off.progress == Progress(attempts=1, since=START, failure="HTTP 429", parks=1)
    assert elapsed() == 0
    end = an_end(await world.dispatcher.carry_out(an_action(), put_off.progress))
    assert (end.result, end.attempts) == ("done", 2)


@timed
async def test_a_permanent_failure_goes_on_to_the_fallbacks_in_order() -> None:
    channels = {
        "sms": FakeChannel(Failed("HTTP 400")),
        "push": FakeChannel(Failed("HTTP 410")),
        "email": FakeChannel(),
    }
    world = World(channels)
    end = await end_of(world, fallbacks=("push", "email"))
    assert (end.result, end.channel) == ("done", "email")
    assert [len(channel.sent) for channel in channels.values()] == [1, 1, 1]


@timed
async def test_failing_everywhere_is_failed_with_the_last_reason() -> None:
    world = World(
        {"sms": FakeChannel(Failed("HTTP 400")), "email": FakeChannel(Failed("SMTP 550"))}
    )
    end = await end_of(world, fallbacks=("email",))
    assert (end.result, end.channel, end.detail) == ("failed", "email", "SMTP 550")


@timed
async def test_after_its_attempts_the_next_channel_is_tried() -> None:
    channels = {"sms": FakeChannel(BUSY), "email": FakeChannel()}
    limits = {"sms": Limits(max_attempts=3)}
    world = World(channels, limits=limits, rules=PATIENT)
    end = await end_of(world, fallbacks=("email",))
    assert (end.result, end.channel) == ("done", "email")
    assert len(channels["sms"].sent) == 3


@timed
async def test_what_may_have_arrived_is_not_told_on_another_channel() -> None:
    channels = {"sms": FakeChannel(DOUBT), "email": FakeChannel()}
    world = World(channels, limits={"sms": Limits(max_attempts=2)}, rules=PATIENT)
    end = await end_of(world, fallbacks=("email",))
    assert (end.result, end.channel) == ("failed", "sms")
    assert channels["email"].sent == []


@timed
async def test_a_refusal_clears_the_doubt() -> None:
    channels = {"sms": FakeChannel(DOUBT, Failed("HTTP 400")), "email": FakeChannel()}
    world = World(channels, rules=PATIENT)
    assert (await end_of(world, fallbacks=("email",))).channel == "email"


@timed
async def test_old_failures_are_given_up() -> None:
    channel = FakeChannel(BUSY)
    limits = {"sms": Limits(max_attempts=1_000, max_age_seconds=600, circuit_failures=10_000)}
    world = World({"sms": channel}, limits=limits, rules=PATIENT)
    end = await end_of(world)
    assert end.result == "failed"
    assert "not within 600 s" in end.detail
    assert 500 < elapsed() <= 600


@timed
async def test_a_channel_that_raises_is_tried_again() -> None:
    channel = FakeChannel(RuntimeError("a bug"), Done())
    world = World({"sms": channel}, rules=PATIENT)
    assert (await end_of(world)).result == "done"
    assert len(channel.sent) == 2


@timed
async def test_a_channel_without_destination_fails_over() -> None:
    world = World({"email": FakeChannel()})
    assert (await end_of(world, fallbacks=("email",))).channel == "email"
    assert (await end_of(world)).detail == "no destination for channel 'sms'"


@timed
async def test_a_text_that_cannot_be_made_fails_without_an_attempt() -> None:
    def render(*_: object) -> str:
        raise RenderError("template 'alert': UndefinedError")

    world = World({"sms": FakeChannel()}, render=render)
    end = await end_of(world)
    assert (end.result, end.detail) == ("failed", "template 'alert': UndefinedError")
    assert world.channels["sms"].sent == []


@timed
async def test_an_opt_out_between_decision_and_attempt_stops_it() -> None:
    world = World({"sms": FakeChannel()})
    world.consents.deny("customer-1", "sms:service")
    end = await end_of(world)
    assert (end.result, end.channel) == ("suppressed", None)
    assert world.channels["sms"].sent == []


@timed
async def test_an_opt_out_between_two_attempts_stops_the_second() -> None:
    async def refuse_and_opt_out(message: Message) -> Settled:
        world.consents.deny("customer-1", "sms:service")
        return BUSY

    world = World({"sms": FakeChannel(refuse_and_opt_out), "email": FakeChannel()})
    end = await end_of(world, fallbacks=("email",))
    assert len(world.channels["sms"].sent) == 1
    assert (end.result, end.channel) == ("done", "email")


@timed
async def test_an_opt_out_after_an_attempt_that_failed_leaves_nothing_to_send_again() -> None:
    async def refuse_and_opt_out(message: Message) -> Settled:
        world.consents.deny("customer-1", "sms:service", "email:service")
        return BUSY

    world = World({"sms": FakeChannel(refuse_and_opt_out), "email": FakeChannel()})
    end = await end_of(world, fallbacks=("email",))
    assert end.result == "suppressed"
    assert len(world.channels["sms"].sent) == 1
    assert world.channels["email"].sent == []


@timed
async def test_a_denied_channel_falls_to_the_next() -> None:
    world = World({"sms": FakeChannel(), "email": FakeChannel()})
    world.consents.deny("customer-1", "sms:service", "email:marketing")
    end = await end_of(world, fallbacks=("email",))
    assert (end.result, end.channel) == ("done", "email")


@pytest.mark.parametrize(
    ("action", "result"), [("transaction_alert", "suppressed"), ("apology", "done")]
)
def test_who_wants_no_alerts_gets_other_messages(action: str, result: str) -> None:
    async def check() -> None:
        world = World({"sms": FakeChannel(), "email": FakeChannel()})
        world.consents.deny("customer-1", alerts=False)
        assert (await end_of(world, action=action, fallbacks=("email",))).result == result

    run(check())


@timed
async def test_nothing_is_sent_while_consent_is_unknown_and_that_is_no_attempt() -> None:
    world = World({"sms": FakeChannel()}, consents=FakeConsents(known_after=7.0))
    end = await end_of(world)
    assert (end.result, end.attempts) == ("done", 1)
    assert world.channels["sms"].times == [8.0]


@timed
async def test_what_came_too_late_is_expired_without_an_attempt() -> None:
    world = World({"sms": FakeChannel()})
    end = await end_of(world, expires_at=START)
    assert (end.result, end.channel) == ("expired", None)
    old = await end_of(world, decided_at=START - timedelta(days=1))
    assert old.result == "expired"
    recent = await end_of(world, decided_at=START - timedelta(hours=23))
    assert recent.result == "done"
    assert len(world.channels["sms"].sent) == 1


@timed
async def test_expiry_while_waiting_for_a_place_is_noticed_at_once() -> None:
    world = World({"sms": FakeChannel(seconds=8.0)}, limits={"sms": Limits(concurrency=1)})
    first = asyncio.ensure_future(end_of(world))
    await asyncio.sleep(1.0)
    end = await end_of(world, id="a-2", expires_at=START + timedelta(seconds=3))
    assert (end.result, elapsed()) == ("expired", 3.0)
    assert (await first).result == "done"


@timed
async def test_what_cannot_be_tried_before_its_expiry_takes_the_fallback_now() -> None:
    channels = {"sms": FakeChannel(TryAgain("HTTP 503", 120.0)), "email": FakeChannel()}
    world = World(channels)
    end = await end_of(world, fallbacks=("email",), expires_at=START + timedelta(seconds=60))
    assert (end.result, end.channel, elapsed()) == ("done", "email", 0.0)


@timed
async def test_without_a_fallback_it_expires_with_its_last_failure() -> None:
    world = World({"sms": FakeChannel(TryAgain("HTTP 503", 120.0))})
    end = await end_of(world, expires_at=START + timedelta(seconds=60))
    assert (end.result, end.detail) == ("expired", "HTTP 503")


@timed
async def test_a_task_of_staff_wakes_nobody_and_goes_at_once() -> None:
    world = World({"staff": FakeChannel()})
    quiet = Quiet("Europe/Berlin", "08:00", "11:00")
    end = await end_of(world, channel="staff", quiet=quiet)
    assert (end.result, end.at) == ("done", START)


@timed
async def test_quiet_hours_put_it_off_until_they_end() -> None:
    world = World({"sms": FakeChannel()})
    quiet = Quiet("Europe/Berlin", "08:00", "11:00")  # it is 10:30 there
    put_off = parked(await world.dispatcher.carry_out(an_action(quiet=quiet)))
    assert put_off.not_before == START + timedelta(minutes=30)
    assert world.channels["sms"].sent == []


@timed
async def test_the_end_of_quiet_hours_is_waited_for_where_it_is_near() -> None:
    world = World({"sms": FakeChannel()}, rules=PATIENT)
    end = await end_of(world, quiet=Quiet("Europe/Berlin", "22:00", "10:31"))
    assert (end.result, end.at) == ("done", START + timedelta(minutes=1))


@timed
async def test_quiet_until_after_its_expiry_is_expired_at_once() -> None:
    world = World({"sms": FakeChannel(), "email": FakeChannel()})
    end = await end_of(
        world,
        quiet=Quiet("UTC", "09:00", "10:00"),
        expires_at=START + timedelta(minutes=20),
        fallbacks=("email",),
    )
    assert (end.result, elapsed()) == ("expired", 0.0)


@timed
async def test_quiet_hours_that_begin_while_it_waits_hold_it() -> None:
    world = World({"sms": FakeChannel(TryAgain("HTTP 503", 90.0), Done())}, rules=PATIENT)
    end = await end_of(world, quiet=Quiet("UTC", "09:31", "10:00"))
    assert world.channels["sms"].times == [0.0, 1_800.0]
    assert end.result == "done"


@timed
async def test_quiet_hours_that_are_none_fail_and_nobody_is_woken() -> None:
    world = World({"sms": FakeChannel()})
    end = await end_of(world, quiet=Quiet("Mars/Olympus", "22:00", "07:00"))
    assert (end.result, end.channel) == ("failed", None)
    assert "Mars/Olympus" in end.detail


@timed
async def test_the_circuit_opens_and_one_attempt_asks_before_all_others_go() -> None:
    async def down_for_a_while(message: Message) -> Settled:
        return BUSY if elapsed() < 20 else Done()

    channel = FakeChannel(down_for_a_while, seconds=0.05)
    limits = {"sms": Limits(circuit_first_seconds=5.0, max_attempts=50)}
    world = World({"sms": channel}, limits=limits, rules=PATIENT)
    ends = await asyncio.gather(*(end_of(world, id=f"a-{n}") for n in range(50)))
    assert {end.result for end in ends} == {"done"}
    # Open for 5, 10 and 20 s, each time after one attempt that failed, then all at once.
    states = [state for _, state in world.watcher.circuits]
    assert states == ["open", "half_open", "open", "half_open", "open", "half_open", "closed"]
    assert len([at for at in channel.times if at < 1]) == Limits().concurrency
    later = [at for at in channel.times if at > 1]
    assert later[:3] == pytest.approx([5.05, 15.1, 35.15])
    assert later[3] == pytest.approx(35.2)


@timed
async def test_who_waits_for_an_open_circuit_keeps_its_place() -> None:
    channel = FakeChannel(BUSY, Done())
    limits = {"sms": Limits(concurrency=1, circuit_failures=1, circuit_first_seconds=60)}
    world = World({"sms": channel}, limits=limits)
    failing = asyncio.ensure_future(world.dispatcher.carry_out(an_action()))
    await asyncio.sleep(0.01)
    ends = await asyncio.gather(*(end_of(world, id=f"b-{n}") for n in range(20)))
    assert {end.result for end in ends} == {"done"}
    assert channel.ids[:2] == ["a-1", "b-0"]
    assert channel.times[1] == 60
    waited = [identity for identity in channel.ids if identity != "a-1"]
    assert waited == [f"b-{n}" for n in range(20)]
    assert an_end(await failing).result == "done"


@timed
async def test_a_full_queue_puts_off_at_once_and_holds_nobody_up() -> None:
    limits = {"sms": Limits(concurrency=1, queue=3)}
    world = World({"sms": FakeChannel(seconds=9.0)}, limits=limits)
    tasks = [
        asyncio.ensure_future(world.dispatcher.carry_out(an_action(id=f"a-{n}"))) for n in range(4)
    ]
    await asyncio.sleep(0)
    put_off = parked(await world.dispatcher.carry_out(an_action(id="a-5")))
    assert (put_off.why, elapsed()) == ("queue", 0.0)
    assert put_off.not_before == START + timedelta(seconds=15)
    again = await world.dispatcher.carry_out(an_action(id="a-5"), put_off.progress)
    assert parked(again).not_before == START + timedelta(seconds=30)
    later = Progress(since=START, parks=30)
    assert parked(await world.dispatcher.carry_out(an_action(), later)).not_before == (
        START + timedelta(seconds=LONGEST_PARK_SECONDS)
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@timed
async def test_attempts_keep_the_pace_of_their_destination() -> None:
    channel = FakeChannel()
    world = World({"sms": channel}, limits={"sms": Limits(per_second=10)})
    await asyncio.gather(*(end_of(world, id=f"a-{n}") for n in range(20)))
    assert channel.times == pytest.approx([n / 10 for n in range(20)])


@timed
async def test_told_to_stop_it_lets_an_attempt_end_and_says_so() -> None:
    world = World({"sms": FakeChannel(seconds=2.0)})
    task = asyncio.ensure_future(end_of(world))
    await asyncio.sleep(1.0)
    task.cancel()
    assert (await task).result == "done"
    assert elapsed() == 2.0


@timed
async def test_told_to_stop_it_does_not_wait_for_ever_nor_begin_anything() -> None:
    hanging, failing = FakeChannel(seconds=1e9), FakeChannel(BUSY, seconds=2.0)
    world = World({"sms": hanging, "email": failing}, rules=Rules(grace_seconds=5.0))
    tasks = [
        asyncio.ensure_future(world.dispatcher.carry_out(an_action(channel=channel)))
        for channel in world.channels
    ]
    await asyncio.sleep(1.0)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 2
    assert elapsed() == 6.0
    assert (hanging.under_way, len(failing.sent)) == (0, 1)
    assert world.watcher.now_waiting == 0


@timed
async def test_a_cancelled_probe_leaves_the_circuit_usable() -> None:
    channel = FakeChannel(BUSY, Done(), seconds=1.0)
    limits = {"sms": Limits(circuit_failures=1, circuit_first_seconds=3.0)}
    world = World({"sms": channel}, limits=limits, rules=Rules(grace_seconds=0.1))
    probe = asyncio.ensure_future(world.dispatcher.carry_out(an_action()))
    await asyncio.sleep(4.5)  # failed at 1, open until 4, asking since then
    assert world.outlets["sms"].circuit.state == "half_open"
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert (await end_of(world, id="a-2")).result == "done"


@timed
async def test_closing_closes_each_destination_once() -> None:
    world = World({"sms": FakeChannel(), "email": FakeChannel()})
    await world.dispatcher.close()
    assert all(channel.closed for channel in world.channels.values())


@timed
async def test_an_action_that_is_to_do_nothing_is_done_at_once() -> None:
    world = World({})
    end = await end_of(world, action="deliberate_silence", channel="none")
    assert (end.result, end.channel) == ("done", "none")
