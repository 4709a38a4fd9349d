"""Channels, consents and a clock for tests of dispatch, in virtual time."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.adapters.dispatch.dispatcher import Dispatcher
from pipeline.adapters.dispatch.journey import Means, Rules
from pipeline.adapters.dispatch.outlet import Limits, Outlet
from pipeline.adapters.dispatch.port import (
    Clock,
    ConsentUnknown,
    Done,
    Message,
    OrdersUnknown,
    Render,
    Settled,
)
from schemas.care import CareAction, CareOrder, Cause, Consent, OrderKind, order_id

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

Answer = Settled | Exception | Callable[[Message], Awaitable[Settled]]


def elapsed() -> float:
    """Seconds of virtual time."""
    return asyncio.get_running_loop().time()


def now() -> datetime:
    return START + timedelta(seconds=elapsed())


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


CLOCK = Clock(now, elapsed, sleep)


def an_action(**changes: Any) -> CareAction:
    values: dict[str, Any] = {
        "id": "a-1",
        "action": "transaction_alert",
        "action_class": "required",
        "customer": "customer-1",
        "channel": "sms",
        "cause": Cause("/bank", "e-1"),
        "decided_at": START,
        "reason": "12.00 reaches 0.00",
        "template": "alert",
        "fields": {"amount": "12.00"},
        "policy": "abc",
    }
    return CareAction(**{**values, **changes})


class FakeChannel:
    """Answers as told, the last answer for ever; remembers what it was sent, and when."""

    def __init__(self, *answers: Answer, seconds: float = 0.0) -> None:
        self.answers: Sequence[Answer] = answers or (Done(),)
        self.seconds = seconds
        self.sent: list[tuple[float, Message]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.closed = False

    async def send(self, message: Message) -> Settled:
        answer = self.answers[min(len(self.sent), len(self.answers) - 1)]
        self.sent.append((elapsed(), message))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
            if isinstance(answer, Exception):
                raise answer
            return await answer(message) if callable(answer) else answer
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        self.closed = True

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.sent]

    @property
    def ids(self) -> list[str]:
        return [message.action.id for _, message in self.sent]


class FakeConsents:
    """What customers do not want; unknown until ``known_after`` seconds have passed."""

    def __init__(self, known_after: float = 0.0) -> None:
        self.denied: dict[str, Consent] = {}
        self.known_after = known_after

    def deny(self, customer: str, *pairs: str, alerts: bool = True) -> None:
        self.denied[customer] = Consent(customer=customer, denied=pairs, alerts=alerts, as_of=START)

    async def consent(self, customer: str) -> Consent | None:
        if elapsed() < self.known_after:
            raise ConsentUnknown("no broker answers", retry_after_seconds=2.0)
        return self.denied.get(customer)


class FakeOrders:
    """What people ordered; unknown while ``unknown`` is set."""

    def __init__(self) -> None:
        self.given: dict[str, list[CareOrder]] = {}
        self.unknown = False
        self.told: dict[str, list[CareOrder]] = {}
        """What was last answered, by action."""

    def give(self, action: str, order: OrderKind, *, reason: str = "asked for") -> CareOrder:
        known = self.given.setdefault(action, [])
        given = CareOrder(
            id=order_id(action, order, str(len(known))),
            action=action,
            customer="customer-1",
            order=order,
            by="anna",
            at=now(),
            reason=reason,
        )
        known.append(given)
        return given

    async def orders(self, action: str) -> Sequence[CareOrder]:
        if self.unknown:
            raise OrdersUnknown("no broker answers", retry_after_seconds=2.0)
        self.told[action] = [*self.given.get(action, ())]
        return self.told[action]


class FakeWatcher:
    """Counts what it hears."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.circuits: list[tuple[str, str]] = []
        self.most_waiting = 0
        self.now_waiting = 0

    def attempted(self, destination: str, result: str) -> None:
        self.counts["attempted", destination, result] += 1

    def settled(self, action: str, result: str, seconds: float) -> None:
        self.counts["settled", action, result] += 1

    def parked(self, why: str) -> None:
        self.counts["parked", why] += 1

    def waiting(self, actions: int) -> None:
        self.now_waiting = actions
        self.most_waiting = max(self.most_waiting, actions)

    def circuit(self, destination: str, state: str) -> None:
        self.circuits.append((destination, state))


def no_text(template: str, language: str | None, fields: Mapping[str, str]) -> str | None:
    return None


class World:
    """A dispatcher and everything around it; make it within the running loop."""

    def __init__(
        self,
        channels: Mapping[str, FakeChannel],
        *,
        limits: Mapping[str, Limits] | None = None,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        render: Render = no_text,
        consents: FakeConsents | None = None,
    ) -> None:
        self.channels = channels
        self.consents = consents or FakeConsents()
        self.orders = FakeOrders()
        self.watcher = FakeWatcher()
        self.outlets = {
            name: Outlet(
                name,
                channel,
                (limits or {}).get(name, Limits()),
                clock=CLOCK,
                chance=random.Random(7),
                circuit_changed=self.watcher.circuit,
            )
            for name, channel in channels.items()
        }
        self.dispatcher = Dispatcher(
            Means(self.outlets, self.consents, self.orders, render, self.watcher, CLOCK, rules)
        )
