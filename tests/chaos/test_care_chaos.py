"""From a touch to the customer's ear: all stages on Kafka, each killed, and a bad receiver.

The seed is printed; ``TOUCHPOINT_CHAOS_SEED`` repeats it as far as processes can be repeated.
"""

import os
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.care import FINAL, CareAction, CareDecision
from schemas.topics import ACTIONS, CONTRIBUTIONS, DECISIONS
from tests.chaos.care_town import (
    BUDGET,
    CHANNELS,
    COHORTS,
    GIFT_COST,
    SOURCE,
    Stages,
    Town,
    soon,
    write_policy,
)
from tests.chaos.readers import TopicReader
from tests.chaos.test_worker_chaos import SEED_VARIABLE
from tests.integration.dispatch_process import Ledger, settings_on
from tests.services.kafka import Broker
from tests.services.process import wait_until
from tests.services.receiver import ACCEPT, Reaction, Receiver, misbehaving

KILLS = 6
CLOSES_AFTER_SECONDS = 30.0
LATEST_SECONDS = 2.0
"""An attempt that began before an opt-out may reach the receiver so long after it."""

pytestmark = pytest.mark.slow

MISBEHAVIOUR = (
    (80, ACCEPT),
    (8, Reaction(503, acts=False)),
    (5, Reaction(500)),  # acted upon, and then something broke
    (3, Reaction(hangs=True)),
    (2, Reaction(acts=False, hangs=True)),
    (2, Reaction(429, acts=False, retry_after="1")),
)


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    return settings_on(broker, topic_prefix)


class Told:
    """What the stages have told so far, committed."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._readers = {
            topic: TopicReader(settings, settings.topic(topic))
            for topic in (ACTIONS, DECISIONS, CONTRIBUTIONS)
        }

    def close(self) -> None:
        for reader in self._readers.values():
            reader.__exit__(None, None, None)

    def actions(self) -> list[CareAction]:
        return [msgspec.json.decode(value, type=CareAction) for value in self._values(ACTIONS)]

    def decisions(self) -> list[CareDecision]:
        return [msgspec.json.decode(value, type=CareDecision) for value in self._values(DECISIONS)]

    def felt(self) -> Counter[str]:
        """How often each event of the town was felt."""
        found = (msgspec.json.decode(value) for value in self._values(CONTRIBUTIONS))
        return Counter(each["event"] for each in found if each["source"] == SOURCE)

    def _values(self, topic: str) -> list[bytes]:
        records = self._readers[topic].read()
        return [record.value or b"" for lot in records.values() for record in lot]


def outcomes_by_proposal(decisions: list[CareDecision]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for decision in decisions:
        found[decision.id].append(decision.outcome)
    return found


def campaign_is_settled(told: Told) -> bool:
    """Whether whoever was put forward has the campaign's word."""
    gifts = [each for each in told.decisions() if each.action == "gift"]
    open_ = {d.id for d in gifts if d.outcome == "proposed"}
    return bool(open_) and open_ <= {d.id for d in gifts if d.outcome in FINAL}


def test_care_reaches_everybody_once_whatever_is_killed(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    print(f"{SEED_VARIABLE}={seed}")
    chance, began = random.Random(seed), time.monotonic()
    ledger, told = Ledger(settings), Told(settings)
    stages, never = Stages(settings, tmp_path), Event()
    write_policy(tmp_path / "policy.yaml", soon(CLOSES_AFTER_SECONDS))
    with Receiver(misbehaving(random.Random(seed + 1), MISBEHAVIOUR)) as receiver:
        (tmp_path / "channels.yaml").write_text(CHANNELS.format(url=receiver.url))
        try:
            for stage in Stages.NAMES:
                stages.start(stage)
            with Town(settings, seed + 2) as town:
                wait_until(lambda: bool(told.actions()), seconds=90, what="the first action")
                for number in range(KILLS):
                    never.wait(chance.uniform(2.0, 6.0))
                    victim = Stages.NAMES[number % 3]
                    stages.kill(victim)
                    never.wait(chance.uniform(0.0, 2.0))
                    stages.start(victim)
                wait_until(
                    lambda: campaign_is_settled(told), seconds=150, what="the campaign's word"
                )
            receiver.behave = lambda number, body: ACCEPT
            wait_until(lambda: len(told.felt()) == town.sent, seconds=120, what="every event felt")
            wait_until(
                lambda: settled(ledger) >= {each.id for each in told.actions()},
                seconds=180,
                what="every action settled",
            )
        except BaseException:
            print("\n".join(stages.logs()))
            raise
        finally:
            stages.close()
        judge(town, receiver, ledger, told)
        print(
            f"{town.sent} events, {len(told.actions())} actions, {len(receiver.seen)} seen, "
            f"{sum(receiver.seen.values()) - len(receiver.seen)} repeats, "
            f"{len(town.opted_out)} opt-outs; {time.monotonic() - began:.0f} s"
        )
    ledger.close()
    told.close()


def settled(ledger: Ledger) -> set[str]:
    return {
        event["data"].get("about") or event["data"].get("action")
        for _, event in ledger.events()
        if event["source"] == "urn:touchpoint:dispatch"
    }


def results_of(ledger: Ledger) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for _, event in ledger.events():
        data: dict[str, Any] = event["data"]
        if event["source"] == "urn:touchpoint:dispatch":
            result = data.get("result") or event["type"].split(".")[2]
            found[data.get("about") or data["action"]].add(result)
    return found


def judge(town: Town, receiver: Receiver, ledger: Ledger, told: Told) -> None:
    """What must hold whatever happened."""
    actions, outcomes = told.actions(), outcomes_by_proposal(told.decisions())
    felt = told.felt()
    assert set(felt.values()) == {1}
    assert len({each.id for each in actions}) == len(actions), "an action was told twice"
    requested = {name for name, found in outcomes.items() if "requested" in found}
    assert requested == {each.id for each in actions}
    for name, found in outcomes.items():
        assert len(found) == len(set(found)), (name, found)
        assert sum(each in FINAL for each in found) <= 1, (name, found)
    results = results_of(ledger)
    unsent = {name for name, found in results.items() if found <= {"suppressed", "expired"}}
    for action in actions:
        assert action.id in receiver.seen or action.id in unsent, action
        if action.id not in unsent:
            assert action.id in receiver.acted
    assert ledger.letters() == []
    assert receiver.forged == 0
    by_id = {each.id: each for each in actions}
    late = [
        (by_id[name].customer, at)
        for at, name in receiver.requests
        if by_id[name].channel == "sms"
        and by_id[name].purpose == "service"
        and not by_id[name].fallbacks
        and at > town.opted_out.get(by_id[name].customer, at) + LATEST_SECONDS
    ]
    assert late == [], "sent after an opt-out"
    judge_gifts([each for each in told.decisions() if each.action == "gift"])


def judge_gifts(decisions: list[CareDecision]) -> None:
    """Each cohort was served wholly or not at all, within what there was to spend."""
    by_outcome: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in decisions:
        cohort = int(each.customer.removeprefix("c-")) % COHORTS
        by_outcome[each.outcome][cohort].add(each.id)
    allocated, proposed = by_outcome["allocated"], by_outcome["proposed"]
    for cohort, members in proposed.items():
        assert allocated[cohort] in (set(), members), cohort
    given = sum(map(len, allocated.values()))
    assert 0 < given * GIFT_COST <= BUDGET < sum(map(len, proposed.values())) * GIFT_COST
