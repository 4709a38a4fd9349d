"""Both stages on a real broker: proposals of many partitions, one campaign, a verdict to each."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.publisher import Publisher
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.care import CampaignReport, CareProposal, GiftSeen
from schemas.topics import CAMPAIGNS, CONTRIBUTIONS, EVENTS, PROPOSAL_DEAD_LETTERS, PROPOSALS
from tests.chaos.fleet import COMMAND, Program
from tests.chaos.readers import TopicReader
from tests.services.kafka import Broker
from tests.services.process import wait_until
from tests.unit.allocating import POOL, cohort
from tests.unit.events import DEFAULT_POLICY, event_bytes

PARTITIONS = 4
STOCK = 31
VERDICT = b"touchpoint.care.decided.v1"


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = KafkaSettings(
        bootstrap=broker.bootstrap, prefix=topic_prefix, partitions=PARTITIONS, replication=1
    )
    topics.apply(settings)
    return settings


class Stages:
    """Workers of both stages, under a policy whose campaign decides each second."""

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        content = YAML(typ="safe", pure=True).load(DEFAULT_POLICY)
        content["campaigns"][POOL] = {"every_seconds": 1, "settle_seconds": 0, "stock": STOCK}
        self._policy = folder / "policy.yaml"
        self._policy.write_text(json.dumps(content, default=str))
        self._settings = settings
        self._folder = folder
        self._programs: list[Program] = []

    def start(self, stage: str) -> Program:
        log = self._folder / f"{stage}-{len(self._programs)}.log"
        command: list[str | Path] = [COMMAND, "worker", "--stage", stage, "--port", "0"]
        command += ["--data-dir", self._folder / "states", "--policy", self._policy]
        program = Program(
            command,
            log=log,
            environment={
                "TOUCHPOINT_KAFKA_BOOTSTRAP": self._settings.bootstrap,
                "TOUCHPOINT_KAFKA_PREFIX": self._settings.prefix,
                "TOUCHPOINT_KAFKA_PARTITIONS": str(PARTITIONS),
                "TOUCHPOINT_KAFKA_TICK_SECONDS": "0.2",
            },
        )
        program.start()
        self._programs.append(program)
        return program

    def close(self) -> None:
        for program in self._programs:
            program.kill()


@pytest.fixture
def stages(settings: KafkaSettings, tmp_path: Path) -> Iterator[Stages]:
    started = Stages(settings, tmp_path)
    yield started
    started.close()


def records(settings: KafkaSettings, topic: str) -> list[tuple[int, Any]]:
    """Every record of a topic, with its partition."""
    with TopicReader(settings, settings.topic(topic)) as reader:
        return [(partition, each) for partition, lot in reader.read().items() for each in lot]


def verdicts(settings: KafkaSettings) -> list[dict[str, Any]]:
    """Every verdict in the log of touches, each where its customer's events are."""
    found = []
    for partition, record in records(settings, EVENTS):
        if VERDICT in (record.value or b""):
            assert partition == key_partition(record.key, PARTITIONS)
            found.append(json.loads(record.value))
    return found


def propose(settings: KafkaSettings, proposals: list[CareProposal]) -> None:
    with Publisher(settings, PROPOSALS) as publisher:
        for each in proposals:
            publisher.send(each.campaign.encode(), msgspec.json.encode(each))


def test_each_proposal_is_answered_once_whatever_is_killed(
    settings: KafkaSettings, stages: Stages
) -> None:
    stages.start("perceive")
    allocate = stages.start("allocate")
    now, asked = datetime.now(UTC), []
    for number in range(24):
        team = cohort(f"team-{number}", 2, at=now, campaign=POOL, value=1.0 + number)
        propose(settings, team)
        asked += team
        if number == 7:
            wait_until(lambda: len(verdicts(settings)) >= 2, seconds=60, what="first verdicts")
            allocate.kill()
        if number == 15:
            propose(settings, asked)  # all of it once more, as a publisher may that was killed
            allocate = stages.start("allocate")
    wait_until(
        lambda: len(verdicts(settings)) >= len(asked),
        seconds=90,
        what=f"{len(asked)} verdicts, there are {len(verdicts(settings))}",
    )
    found = verdicts(settings)
    assert Counter(each["data"]["proposal"] for each in found) == Counter(p.id for p in asked)
    allocated = [each for each in found if each["data"]["verdict"] == "allocated"]
    assert len(allocated) == STOCK - 1  # pairs
    pairs = Counter(each["subject"].rpartition("-")[0] for each in allocated)
    assert set(pairs.values()) == {2}
    assert records(settings, PROPOSAL_DEAD_LETTERS) == []
    reports = [record.value for _, record in records(settings, CAMPAIGNS)]
    last = msgspec.json.decode(reports[-1], type=CampaignReport)
    assert (last.proposed, last.allocated, last.stock_left) == (len(asked), STOCK - 1, 1)
    heard = f"{len(asked)} customers to have heard"
    wait_until(lambda: contributions(settings) >= len(asked), seconds=60, what=heard)


def contributions(settings: KafkaSettings) -> int:
    return sum(VERDICT in record.value for _, record in records(settings, CONTRIBUTIONS))


def test_what_customers_tell_a_campaign_lies_where_the_campaign_is(
    settings: KafkaSettings, stages: Stages
) -> None:
    stages.start("perceive")
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    with Publisher(settings) as publisher:
        for number in range(20):
            name = f"c-{number}"
            for kind, data in (
                ("touchpoint.customer.profiled.v1", {"cohort": "sales"}),
                ("touchpoint.gift.given.v1", {"gift": "tea", "batch": "first"}),
            ):
                event = event_bytes(kind, id=f"{kind} {name}", subject=name, time=at, data=data)
                publisher.send(name.encode(), event)

    def seen() -> list[tuple[int, Any]]:
        found = records(settings, PROPOSALS)
        return [(partition, record) for partition, record in found if record.key is not None]

    wait_until(lambda: len(seen()) >= 20, seconds=60, what="twenty gifts are seen")
    assert {partition for partition, _ in seen()} == {key_partition(b"first", PARTITIONS)}
    told = [msgspec.json.decode(record.value, type=GiftSeen) for _, record in seen()]
    assert {each.customer for each in told} == {f"c-{number}" for number in range(20)}
