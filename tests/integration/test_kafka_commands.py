"""The commands around Kafka, as the README gives them, on a real broker."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.cli import app
from schemas.topics import EVENTS
from tests.chaos.readers import TopicReader
from tests.services.kafka import Broker
from tests.unit.events import event_bytes


@pytest.fixture
def settings(broker: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    monkeypatch.setenv("TOUCHPOINT_KAFKA_BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("TOUCHPOINT_KAFKA_PREFIX", topic_prefix)
    return KafkaSettings(
        bootstrap=broker.bootstrap, prefix=topic_prefix, partitions=3, replication=1
    )


def topics(verb: str, partitions: int = 3) -> Result:
    shape = ["--partitions", str(partitions), "--replication", "1"]
    return CliRunner().invoke(app, ["topics", verb, *shape, "--json"])


def test_topics_are_planned_made_and_then_as_planned(settings: KafkaSettings) -> None:
    planned = topics("plan")
    assert planned.exit_code == 1
    wanted = {each["topic"] for each in json.loads(planned.stdout)["to_do"]}
    assert settings.topic(EVENTS) in wanted
    made = topics("apply")
    assert made.exit_code == 0
    assert {each["topic"] for each in json.loads(made.stdout)["done"]} == wanted
    again = topics("plan")
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"to_do": []})
    refused = topics("apply", partitions=5)
    assert refused.exit_code == 2
    assert "every topic must have the same count" in refused.stderr


def test_published_lines_arrive_by_customer_and_bad_ones_are_named(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    assert topics("apply").exit_code == 0
    events = tmp_path / "events.jsonl"
    good = [
        event_bytes("touchpoint.transaction.completed.v1", id=f"e-{n}", subject=f"c-{n % 2}")
        for n in range(4)
    ]
    events.write_bytes(b"\n".join([*good, b'{"id": "nobody"}']) + b"\n")
    done = CliRunner().invoke(app, ["publish", str(events), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"sent": 4, "bad": 1, "blank": 0}
    assert "events.jsonl:5: no subject" in done.stderr
    with TopicReader(settings, settings.topic(EVENTS)) as reader:
        found = [record for lot in reader.read().values() for record in lot]
    assert sorted(record.value or b"" for record in found) == sorted(good)
    assert {record.key for record in found} == {b"c-0", b"c-1"}


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    done = topics("plan")
    assert done.exit_code == 2
    assert "no answer from 127.0.0.1:1" in done.stderr
