"""Orders and attempts in any order: nothing goes against an order that is known, and each action
comes to one end."""

import asyncio
from datetime import timedelta
from typing import Final

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from pipeline.adapters.dispatch.ends import End, Progress
from pipeline.adapters.dispatch.orders import standing
from pipeline.adapters.dispatch.outlet import Limits
from pipeline.adapters.dispatch.port import Done, Failed, Message, Settled, TryAgain
from schemas.care import CareAction, OrderKind, Quiet
from tests.services.virtual_time import VirtualLoop
from tests.unit.dispatching import START, FakeChannel, World, an_action, now

ORDERS: Final[tuple[OrderKind, ...]] = ("approve", "hold", "release", "cancel")
HOURS: Final = 6
ACTIONS: Final = {
    "plain": an_action(id="plain", fallbacks=("email",)),
    "asked": an_action(id="asked", needs_approval=True),
    "night": an_action(id="night", quiet=Quiet("UTC", "11:00", "12:00")),
}
ANSWERS: Final[dict[str, Settled]] = {
    "done": Done(),
    "failed": Failed("HTTP 400"),
    "busy": TryAgain("HTTP 503"),
    "doubt": TryAgain("no answer", in_doubt=True),
}


class Care(RuleBasedStateMachine):
    """A dispatcher in virtual time, people who order, and a channel that is not always well."""

    @initialize()
    def begin(self) -> None:
        self.loop = VirtualLoop()
        self.answer = "done"
        self.against: list[str] = []
        self.ends: dict[str, list[End]] = {name: [] for name in ACTIONS}
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        async def answered(message: Message) -> Settled:
            self._check(message.action)
            return ANSWERS[self.answer]

        channels = {"sms": FakeChannel(answered), "email": FakeChannel(answered)}
        limits = {name: Limits(max_attempts=1_000, max_age_seconds=1e6) for name in channels}
        self.world = World(channels, limits=limits)
        expires_at = START + timedelta(hours=HOURS)
        self.carriers = [
            asyncio.create_task(self._carry(replace(action, expires_at=expires_at)))
            for action in ACTIONS.values()
        ]

    def _check(self, action: CareAction) -> None:
        """Told by the orders that were last read for it: those the attempt knows of."""
        told = self.world.orders.told.get(action.id)
        if told is None or standing(told, needs_approval=action.needs_approval) is not None:
            self.against.append(action.id)

    async def _carry(self, action: CareAction) -> None:
        progress = Progress()
        while True:
            ended = await self.world.dispatcher.carry_out(action, progress)
            if isinstance(ended, End):
                self.ends[action.id].append(ended)
                return
            progress = ended.progress
            await asyncio.sleep(max(0.0, (ended.not_before - now()).total_seconds()))

    @rule(action=st.sampled_from(sorted(ACTIONS)), order=st.sampled_from(ORDERS))
    def order(self, action: str, order: OrderKind) -> None:
        async def give() -> None:
            self.world.orders.give(action, order)

        self.loop.run_until_complete(give())

    @rule(answer=st.sampled_from(sorted(ANSWERS)))
    def behave(self, answer: str) -> None:
        self.answer = answer

    @rule(unknown=st.booleans())
    def know(self, unknown: bool) -> None:
        self.world.orders.unknown = unknown

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 60.0, 1_800.0]))
    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @invariant()
    def nothing_goes_against_an_order(self) -> None:
        if hasattr(self, "against"):
            assert self.against == []

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.loop.run_until_complete(asyncio.wait(self.carriers))
            for carrier in self.carriers:
                carrier.result()
            assert self.against == []
            for name, ends in self.ends.items():
                assert len(ends) == 1, name
                self._check_end(name, ends[0])
        finally:
            self.loop.close()

    def _check_end(self, name: str, end: End) -> None:
        sent = sum(channel.ids.count(name) for channel in self.world.channels.values())
        assert sent or end.result in ("suppressed", "expired")
        assert end.at <= START + timedelta(hours=HOURS, seconds=1)
        if end.detail.startswith("cancelled"):
            assert end.result == "suppressed"


Care.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestCare = Care.TestCase
