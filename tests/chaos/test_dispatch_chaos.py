"""Every action reaches a receiver that fails, hangs and repeats, while dispatch is killed.

None goes out after its customer's opt-out. Moments and misbehaviour come from a seed that is
printed; ``TOUCHPOINT_CHAOS_SEED`` repeats it as far as processes can be repeated.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, Self

import msgspec
import pytest
from kafka import KafkaProducer

from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.care import Consent
from schemas.topics import ACTIONS, CONSENTS
from tests.chaos.test_worker_chaos import SEED_VARIABLE
from tests.integration.dispatch_process import (
    DispatchProcess,
    Ledger,
    channels_file,
    fresh_action,
    settings_on,
)
from tests.services.kafka import Broker
from tests.services.process import wait_until
from tests.services.receiver import ACCEPT, Reaction, Receiver, misbehaving

CUSTOMERS = 200
ACTIONS_AT_ONCE = 5
PER_SECOND = 50
LEAST_ACTIONS = 1_500
KILLS = 7
LATEST_SECONDS = 2.0
"""An attempt that began before an opt-out may reach the receiver so long after it."""

pytestmark = pytest.mark.slow

MISBEHAVIOUR = (
    (70, ACCEPT),
    (8, Reaction(503, acts=False)),
    (6, Reaction(500)),  # acted upon, and then something broke
    (5, Reaction(429, acts=False, retry_after="1")),
    (4, Reaction(409)),
    (3, Reaction(hangs=True)),
    (2, Reaction(acts=False, hangs=True)),
    (2, Reaction(401, acts=False)),
)


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    return settings_on(broker, topic_prefix)


class Deciding:
    """Writes actions and now and then an opt-out, as the perceive stage does: in transactions."""

    def __init__(self, settings: KafkaSettings, seed: int) -> None:
        self._settings = settings
        self._chance = random.Random(seed)
        self._stop = Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.customers: dict[str, str] = {}
        """By action, in the order in which they were written."""
        self.opted_out: dict[str, float] = {}
        """By customer, when the opt-out was committed."""
        self.after_opt_out: set[str] = set()
        """Actions that were written after their customer's opt-out was committed."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        if self._failure is not None:
            raise RuntimeError("the actions could not be written") from self._failure

    def has_written(self, count: int) -> bool:
        return self._failure is not None or len(self.customers) >= count

    def _run(self) -> None:
        try:
            producer: Any = KafkaProducer(
                **self._settings.kafka_python_options(),
                transactional_id=f"{self._settings.prefix}deciding",
                linger_ms=0,
            )
            producer.init_transactions()
            while not self._stop.wait(ACTIONS_AT_ONCE / PER_SECOND):
                self._write(producer)
            producer.close(timeout=10)
        except BaseException as error:  # noqa: BLE001 - told to whoever leaves the block
            self._failure = error

    def _write(self, producer: Any) -> None:
        chance, first = self._chance, len(self.customers)
        actions = [
            fresh_action(n, customer=f"c-{chance.randrange(CUSTOMERS)}")
            for n in range(first, first + ACTIONS_AT_ONCE)
        ]
        leaving = f"c-{chance.randrange(CUSTOMERS)}" if chance.random() < 0.2 else None
        producer.begin_transaction()
        for action in actions:
            self._send(producer, ACTIONS, action.customer, msgspec.json.encode(action))
        if leaving is not None:
            consent = Consent(
                customer=leaving, denied=("sms:service",), alerts=True, as_of=actions[0].decided_at
            )
            self._send(producer, CONSENTS, leaving, msgspec.json.encode(consent))
        producer.commit_transaction()
        for action in actions:
            self.customers[action.id] = action.customer
            if action.customer in self.opted_out:
                self.after_opt_out.add(action.id)
        if leaving is not None:
            self.opted_out.setdefault(leaving, time.time())

    def _send(self, producer: Any, topic: str, key: str, value: bytes) -> None:
        producer.send(self._settings.topic(topic), key=key.encode(), value=value)


class Workers:
    """One or two dispatch workers; each start has a log of its own."""

    def __init__(self, settings: KafkaSettings, channels: Path, chance: random.Random) -> None:
        self._settings = settings
        self._channels = channels
        self._chance = chance
        self._starts = 0
        self._never = Event()
        self.running: list[DispatchProcess] = []

    def add(self) -> None:
        self._starts += 1
        log = self._channels.with_name(f"dispatch-{self._starts}.log")
        worker = DispatchProcess(self._settings, self._channels, log)
        worker.start()
        self.running.append(worker)

    def trouble(self) -> None:
        """Kill one at a moment of chance, sometimes with an heir there already."""
        self._never.wait(self._chance.uniform(1.0, 5.0))
        if self._chance.random() < 0.3 and len(self.running) < 2:
            self.add()
            self._never.wait(self._chance.uniform(0.0, 6.0))
        victim = self.running.pop(self._chance.randrange(len(self.running)))
        if self._chance.random() < 0.2:
            # One that has said nothing yet is still loading its modules: the signal just ends it.
            begun = len(victim.lines()) > 1
            assert victim.end() == 0 or not begun, victim.log_tail()
        else:
            victim.kill()
        if not self.running:
            self.add()

    def close(self) -> None:
        for worker in self.running:
            worker.kill()

    def logs(self) -> Iterator[str]:
        for worker in self.running:
            yield worker.log_tail()


def test_every_action_arrives_and_none_after_an_opt_out(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    print(f"{SEED_VARIABLE}={seed}")
    chance = random.Random(seed)
    began = time.monotonic()
    ledger = Ledger(settings)
    with Receiver(misbehaving(random.Random(seed + 1), MISBEHAVIOUR)) as receiver:
        channels = channels_file(tmp_path, receiver.url, timeout_seconds=1.0, max_attempts=100)
        workers = Workers(settings, channels, chance)
        try:
            workers.add()
            with Deciding(settings, seed + 2) as deciding:
                for _ in range(KILLS):
                    workers.trouble()
                wait_until(
                    lambda: deciding.has_written(LEAST_ACTIONS), seconds=120, what="enough actions"
                )
            print(f"{len(deciding.customers)} actions; {time.monotonic() - began:.0f} s")
            receiver.behave = lambda number, body: ACCEPT
            wait_until(
                lambda: ledger.results().keys() >= deciding.customers.keys(),
                seconds=180,
                what="every action settled",
            )
        except BaseException:
            print("\n".join(workers.logs()))
            raise
        finally:
            workers.close()
        judge(deciding, receiver, ledger)
        repeated = sum(count - 1 for count in receiver.seen.values())
        print(f"{len(receiver.seen)} seen, {repeated} repeats; {time.monotonic() - began:.0f} s")
    ledger.close()


def judge(deciding: Deciding, receiver: Receiver, ledger: Ledger) -> None:
    """What must hold whatever happened."""
    results, ids = ledger.results(), ledger.event_ids()
    assert results.keys() == deciding.customers.keys()
    assert {len(found) for found in ids.values()} == {1}, "one event id for each action"
    assert ledger.letters() == []
    delivered = {action for action, found in results.items() if "delivered" in found}
    assert delivered <= receiver.acted.keys(), "told as delivered, and nobody acted"
    for action, found in results.items():
        assert found <= {"delivered", "suppressed"}, (action, found)
        if "suppressed" in found:
            assert deciding.customers[action] in deciding.opted_out
    assert delivered | {a for a, c in deciding.customers.items() if c in deciding.opted_out} == set(
        deciding.customers
    )
    assert receiver.seen.keys() & deciding.after_opt_out == set()
    late = [
        (action, at)
        for at, action in receiver.requests
        if at > deciding.opted_out.get(deciding.customers[action], at) + LATEST_SECONDS
    ]
    assert late == [], "sent after an opt-out"
    assert receiver.forged == 0
