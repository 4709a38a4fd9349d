"""Bad input over Kafka: each kind becomes a dead letter, and its neighbours are scored."""

import re
import urllib.request
import uuid
from collections import Counter
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest
from kafka import KafkaProducer

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.ports import LogRecord
from schemas.dead_letter import DeadLetter
from schemas.perception import Contribution, Score
from schemas.topics import CONTRIBUTIONS, DEAD_LETTERS, EVENTS, SCORES
from tests.chaos.bad_input import BAD_INPUTS, CUSTOMER, Sent
from tests.chaos.fleet import Fleet, fleet_of
from tests.chaos.readers import TopicReader, source_log
from tests.services.kafka import Cluster
from tests.services.process import free_ports, wait_until
from tests.unit.events import event_bytes

T = TypeVar("T")

PARTITIONS = 2
_COUNTER = re.compile(r"^(touchpoint_records\w*)\{([^}]*)\} (\S+)$", re.MULTILINE)


class Place(NamedTuple):
    """Where the log keeps a record."""

    partition: int
    offset: int


class Served(NamedTuple):
    """What a worker made of a log in which every bad record has good neighbours."""

    bad: dict[str, Place]
    good: list[str]
    log: dict[Place, LogRecord]
    letters: dict[Place, DeadLetter]
    contributions: Counter[str]
    scores: dict[str, Score]
    counted: dict[str, float]


def good(name: str) -> Sent:
    return Sent(CUSTOMER.encode(), event_bytes("touchpoint.transaction.completed.v1", id=name))


def publish(settings: KafkaSettings) -> tuple[dict[str, Place], list[str]]:
    """Each bad record between two good ones of one customer, in its partition where it can be."""
    producer: Any = KafkaProducer(
        **settings.kafka_python_options(),
        acks="all",
        enable_idempotence=True,
        max_request_size=settings.max_message_bytes,
    )
    topic = settings.topic(settings.source_topic)
    asked, names = {}, []

    def send(record: Sent) -> Any:
        key, value, headers = record
        return producer.send(topic, key=key, value=value, headers=list(headers))

    answers = []
    for name, bad in BAD_INPUTS.items():
        for sent in (f"before-{name}", name, f"after-{name}"):
            if sent == name:
                asked[name] = send(bad.sent)
            else:
                answers.append(send(good(sent)))
                names.append(sent)
    answers.append(send(good(names[-1])))  # a duplicate, for the equation
    producer.flush(timeout=60)
    producer.close()
    assert all(answer.succeeded() for answer in answers)
    places = {name: answer.get(timeout=1) for name, answer in asked.items()}
    return {name: Place(p.partition, p.offset) for name, p in places.items()}, names


def metrics(port: int) -> dict[str, float]:
    """The worker's record counters: by outcome, and ``read``."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    counted = {}
    for name, labels, value in _COUNTER.findall(text):
        outcome = re.search(r'outcome="(\w+)"', labels)
        if name == "touchpoint_records_read_total":
            counted["read"] = float(value)
        elif name == "touchpoint_records_total" and outcome is not None:
            counted[outcome[1]] = float(value)
    return counted


def serve(settings: KafkaSettings, fleet: Fleet) -> Served:
    """Publish, let one worker work it all through, stop it, and read what it wrote."""
    bad, names = publish(settings)
    log = {
        Place(partition, record.offset): record
        for partition, records in source_log(settings).items()
        for record in records
    }
    port = free_ports(1)[0]
    worker = fleet.add(port=port)
    worker.wait_running(PARTITIONS)
    wait_until(
        lambda: metrics(port).get("read", 0) >= len(log), seconds=60, what="everything is counted"
    )
    counted = metrics(port)
    assert fleet.end(worker) == 0
    letters = decoded(settings, DEAD_LETTERS, DeadLetter)
    return Served(
        bad=bad,
        good=names,
        log=log,
        letters={Place(letter.partition, letter.offset): letter for letter in letters},
        contributions=Counter(c.event for c in decoded(settings, CONTRIBUTIONS, Contribution)),
        scores={score.customer: score for score in decoded(settings, SCORES, Score)},
        counted=counted,
    )


def decoded(settings: KafkaSettings, topic: str, kind: type[T]) -> list[T]:
    with TopicReader(settings, settings.topic(topic)) as reader:
        by_partition = reader.read()
    records = [record for records in by_partition.values() for record in records]
    return [msgspec.json.decode(record.value or b"", type=kind) for record in records]


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One worker for all cases: starting one takes longer than all of them."""
    cluster: Cluster = request.getfixturevalue("_single")
    cluster.heal()
    settings = KafkaSettings(
        bootstrap=cluster.bootstrap,
        prefix=f"bad-input-{uuid.uuid4().hex[:8]}.",
        partitions=PARTITIONS,
        replication=1,
        tick_seconds=3_600.0,  # no ticks, so that what is counted stands still at the end
    )
    topics.apply(settings)
    with fleet_of(settings, tmp_path_factory.mktemp("bad-input")) as fleet:
        return serve(settings, fleet)


pytestmark = pytest.mark.usefixtures("broker")


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_record_becomes_a_dead_letter_with_its_original(served: Served, name: str) -> None:
    place = served.bad[name]
    original = served.log[place]
    letter = served.letters[place]
    key, value, headers = BAD_INPUTS[name].sent
    assert (letter.key, letter.value, letter.headers) == (key, value, headers)
    assert (letter.topic, letter.timestamp_ms) == (EVENTS, original.timestamp)
    assert letter.reason == BAD_INPUTS[name].reason
    assert letter.detail


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_neighbours_of_a_bad_record_are_scored(served: Served, name: str) -> None:
    assert served.contributions[f"before-{name}"] == 1
    assert served.contributions[f"after-{name}"] == 1


def test_nothing_but_the_good_moves_a_score(served: Served) -> None:
    assert served.contributions == Counter(served.good)
    assert {c: score.events for c, score in served.scores.items()} == {CUSTOMER: len(served.good)}


def test_each_bad_record_leads_to_one_dead_letter(served: Served) -> None:
    assert served.letters.keys() == set(served.bad.values())


def test_read_is_processed_and_duplicates_and_dead_letters(served: Served) -> None:
    assert served.counted == {
        "read": len(served.log),
        "processed": len(served.good),
        "duplicate": 1,
        "dead_letter": len(BAD_INPUTS),
    }
