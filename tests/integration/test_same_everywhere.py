"""The same events give the same scores and actions by replay, over HTTP and on Kafka."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest
from ruamel.yaml import YAML

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.publisher import Publisher, publish_file
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.bootstrap.common import read_policy
from pipeline.config import policy_text
from pipeline.tools.demo import introductions, town_event_bytes
from pipeline.tools.importing import import_file
from pipeline.tools.replay import replay
from schemas.topics import ACTIONS, CONTRIBUTIONS, SCORES
from tests.chaos.fleet import COMMAND, ROOT, Program
from tests.chaos.readers import TopicReader
from tests.services.kafka import Broker
from tests.services.process import free_ports, wait_until

PARTITIONS = 4
BATCH = 1_000
MAPPING = ROOT / "deploy/mappings/anonymous_bank_calls.sql"
CALLS = 33_344


class Result(NamedTuple):
    """The score of every customer, and the ids of the actions.

    A score is the text of its JSON number: equal texts are equal to the bit.
    """

    scores: Mapping[str, bytes]
    actions: frozenset[str]


class _Score(msgspec.Struct):
    customer: str
    score: msgspec.Raw


class _Action(msgspec.Struct):
    id: str


def result_of(scores: Iterable[bytes], actions: Iterable[bytes]) -> Result:
    decoded = (msgspec.json.decode(value, type=_Score) for value in scores)
    ids = frozenset(msgspec.json.decode(value, type=_Action).id for value in actions)
    return Result({each.customer: bytes(each.score) for each in decoded}, ids)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The policy shipped, without what depends on when an event is told of.

    Replay lets time pass with the events; the others have today's clock, for which these events
    are history: too late for care, and nobody awaits anything of them.
    """
    content = YAML(typ="safe", pure=True).load(policy_text(None)[0])
    for section in ("patterns", "cases", "outlooks", "decide", "campaigns"):
        del content[section]
    content["care"] = {"transaction_alert": {"expires_hours": 10_000_000}}
    path = tmp_path / "policy.yaml"
    path.write_text(json.dumps(content, default=str))
    return path


def by_replay(events: Path, policy: Path, out: Path) -> Result:
    report = replay(events, out, lambda *_: None, policy=read_policy(policy), version="test")
    assert report.rejected == 0
    lines = {
        name: (out / f"{name}.jsonl").read_bytes().splitlines() for name in ("scores", "actions")
    }
    return result_of(lines["scores"], lines["actions"])


def over_http(events: Path, policy: Path, customers: Iterable[str], folder: Path) -> Result:
    """Post the events to ``touchpoint run``, wait until all are counted, and ask for everyone."""
    lines = events.read_bytes().splitlines()
    (port,) = free_ports(1)
    state = folder / "t.db"
    run = Program(
        [COMMAND, "run", "--no-dispatch", "--db", state, "--port", str(port), "--policy", policy],
        log=folder / "run.log",
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        try:
            run.start()
            run.wait_ready(lambda: is_ready(client), seconds=90, what="touchpoint run is ready")
            for first in range(0, len(lines), BATCH):
                post(client, b"\n".join(lines[first : first + BATCH]))
            counted = f"{len(lines)} events are counted"
            wait_until(lambda: rows_in(state) == len(lines), seconds=180, what=counted)
            scores = [client.get(f"/v1/customers/{name}").content for name in customers]
            return result_of(scores, all_actions(client))
        finally:
            run.stop()


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def post(client: httpx.Client, body: bytes) -> None:
    """Post a batch, again while the server is behind."""

    def accepted() -> bool:
        headers = {"content-type": "application/x-ndjson"}
        answer = client.post("/v1/events", content=body, headers=headers)
        assert answer.status_code in (httpx.codes.ACCEPTED, httpx.codes.TOO_MANY_REQUESTS), (
            answer.text
        )
        return answer.status_code == httpx.codes.ACCEPTED

    wait_until(accepted, seconds=120, what="the batch is accepted")


def rows_in(state: Path) -> int:
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM contributions").fetchone()
    connection.close()
    return int(count)


def all_actions(client: httpx.Client) -> Iterator[bytes]:
    before: str | None = None
    while True:
        query = {"limit": "500"} | ({} if before is None else {"before": before})
        page = client.get("/v1/actions", params=query).json()
        yield from (msgspec.json.encode(action) for action in page["items"])
        before = page["next"]
        if before is None:
            return


def on_kafka(events: Path, policy: Path, settings: KafkaSettings, folder: Path) -> Result:
    """Publish the events for ``touchpoint worker``, wait until all are counted, and read all."""
    topics.apply(settings)
    worker = Program(
        [COMMAND, "worker", "--port", "0", "--data-dir", folder / "states", "--policy", policy],
        log=folder / "worker.log",
        environment={
            "TOUCHPOINT_KAFKA_BOOTSTRAP": settings.bootstrap,
            "TOUCHPOINT_KAFKA_PREFIX": settings.prefix,
            "TOUCHPOINT_KAFKA_PARTITIONS": str(settings.partitions),
        },
    )
    try:
        worker.start()
        with Publisher(settings) as publisher:
            report = publish_file(publisher, events)
        assert not report.bad
        with TopicReader(settings, settings.topic(CONTRIBUTIONS)) as reader:
            worker.wait_ready(
                lambda: sum(map(len, reader.read().values())) >= report.sent,
                seconds=180,
                what=f"{report.sent} events are counted",
            )
            assert sum(map(len, reader.read().values())) == report.sent
        with TopicReader(settings, settings.topic(SCORES)) as reader:
            latest = {r.key: r.value for lot in reader.read().values() for r in lot}
        with TopicReader(settings, settings.topic(ACTIONS)) as reader:
            actions = [r.value or b"" for lot in reader.read().values() for r in lot]
        assert len(actions) == len(set(actions))
        return result_of((value or b"" for value in latest.values()), actions)
    finally:
        worker.stop()


def differences(expected: Result, found: Result) -> list[str]:
    names = sorted(set(expected.scores) | set(found.scores))
    scores = [
        f"{name}: {expected.scores.get(name)!r} and {found.scores.get(name)!r}"
        for name in names
        if expected.scores.get(name) != found.scores.get(name)
    ]
    return scores + sorted(expected.actions ^ found.actions)


def town(path: Path, count: int) -> None:
    """Events of the demonstration's town, some late, some twice."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    values = [value for _, value in introductions(start)]
    for number in range(count):
        at = start + timedelta(minutes=7 * number - (300 if number % 11 == 0 else 0))
        values.append(town_event_bytes(number, at)[1])
    path.write_bytes(b"\n".join(values) + b"\n")


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap=broker.bootstrap, prefix=topic_prefix, partitions=PARTITIONS, replication=1
    )


def test_a_town_feels_the_same_everywhere(
    settings: KafkaSettings, policy: Path, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    town(events, 3_000)
    expected = by_replay(events, policy, tmp_path / "replay")
    assert len(expected.actions) > 1_000
    assert differences(expected, over_http(events, policy, expected.scores, tmp_path)) == []
    assert differences(expected, on_kafka(events, policy, settings, tmp_path)) == []


@pytest.mark.slow
def test_real_calls_feel_the_same_everywhere(
    settings: KafkaSettings, policy: Path, data_dir: Path, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    source = data_dir / "anonymous_bank_calls/calls_1999_02.tsv.gz"
    rejects = tmp_path / "rejects.jsonl"
    report = import_file(
        source, MAPPING, events, rejects, lambda *_: None, policy=read_policy(None)
    )
    assert (report.read, report.imported + report.rejected) == (CALLS, CALLS)
    expected = by_replay(events, policy, tmp_path / "replay")
    assert len(expected.scores) > 4_000
    assert differences(expected, over_http(events, policy, expected.scores, tmp_path)) == []
    assert differences(expected, on_kafka(events, policy, settings, tmp_path)) == []
