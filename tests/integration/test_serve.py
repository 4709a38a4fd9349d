"""``touchpoint serve``: what a sink has written is read, and events go onto Kafka."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from pipeline.adapters.http.ports import Entry, Once, OnceUnsupported, Unavailable
from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.ingest import KafkaIngest
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.bootstrap.reading import DatabaseReadiness
from pipeline.cli import app
from schemas.topics import OUTPUTS
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples
from tests.integration.kafka_toy import PARTITIONS, Reader, toy_settings
from tests.services.kafka import Broker
from tests.services.process import free_ports, wait_until
from tests.unit.http_fakes import transaction

STOP_SECONDS = 30
_LISTENING = re.compile(r"listening on (http://\S+)")


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A SQLite store in which a sink has written."""
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    engine = make_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        write_outputs(connection, [(topic, *samples.message(topic, "c1", 1)) for topic in OUTPUTS])
    engine.dispose()
    return url


@contextmanager
def serving(database: str, *options: str) -> Iterator[str]:
    """The server in a process of its own; its URL. It must end by itself when told to."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve"]
    options = ("--database", database, "--port", "0", *options)
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = _LISTENING.search(line)
        assert found is not None, line
        yield found[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


def test_what_the_sink_wrote_is_read(database: str) -> None:
    with serving(database) as url:
        assert httpx.get(f"{url}/readyz").json()["conditions"] == [
            {"name": "database", "ready": True, "state": "running", "detail": ""}
        ]
        assert httpx.get(f"{url}/v1/customers/c1").json()["events"] == 1
        assert [row["id"] for row in httpx.get(f"{url}/v1/actions").json()["items"]] == ["a-1"]
        assert "touchpoint_" in httpx.get(f"{url}/metrics").text
        # Nothing is taken in: there is nowhere to put it.
        assert httpx.post(f"{url}/v1/events", json=transaction()).status_code == 404


def test_database_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for url, why in ((f"sqlite:///{tmp_path / 'none.db'}", "no such file"), ("odd://", "odd")):
        result = CliRunner().invoke(app, ["serve", "--database", url])
        assert result.exit_code == 2
        assert why in result.output
    assert list(tmp_path.iterdir()) == []


def test_database_of_another_release_is_not_ready_and_not_migrated(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    readiness = DatabaseReadiness(engine)
    (empty,) = readiness.conditions()
    assert (empty.ready, empty.state) == (False, "other schema")
    upgrade(engine)
    (current,) = readiness.conditions()
    assert current.ready
    engine.dispose()


def test_database_that_does_not_answer_is_not_ready() -> None:
    (port,) = free_ports(1)
    engine = make_engine(f"postgresql+psycopg://nobody@127.0.0.1:{port}/none")
    (condition,) = DatabaseReadiness(engine).conditions()
    assert (condition.ready, condition.state) == (False, "away")
    engine.dispose()


def test_events_are_turned_away_while_no_broker_answers() -> None:
    async def main() -> None:
        (port,) = free_ports(1)
        async with KafkaIngest(KafkaSettings(bootstrap=f"127.0.0.1:{port}")) as ingest:
            with pytest.raises(Unavailable):
                await ingest.append([Entry(b"c", b"{}")], 0)
            assert not ingest.condition().ready

    asyncio.run(main())


def test_idempotency_key_is_refused_before_anything_is_written() -> None:
    async def main() -> None:
        ingest = KafkaIngest(KafkaSettings())
        with pytest.raises(OnceUnsupported, match="same source and id"):
            await ingest.append([Entry(b"c", b"{}")], 0, Once("k", b"d", b"a"))

    asyncio.run(main())


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    topics.apply(settings)
    return settings


def _source(settings: KafkaSettings) -> list[Any]:
    reader = Reader(settings, settings.topic(settings.source_topic))
    try:
        return list(reader.read())
    finally:
        reader.close()


def test_accepted_events_are_on_kafka_keyed_and_in_order(
    database: str, settings: KafkaSettings
) -> None:
    events = [transaction(id=f"tx-{n}", subject=f"customer-{n % 3}") for n in range(30)]
    options = ("--bootstrap", settings.bootstrap, "--prefix", settings.prefix)
    with serving(database, *options) as url:
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, seconds=60, what="Kafka")
        answer = httpx.post(f"{url}/v1/events", json=events, timeout=60)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 30)
        # Read while the server still runs: it was durable when it was answered.
        records = _source(settings)
        once = httpx.post(
            f"{url}/v1/events", json=transaction(id="once"), headers={"Idempotency-Key": "k"}
        )
        assert once.status_code == 501
        assert once.json()["type"].endswith(":idempotency_key_unsupported")
    assert len(records) == 30
    assert PARTITIONS >= len({record.partition for record in records}) > 1
    for customer in (b"customer-0", b"customer-1", b"customer-2"):
        mine = [record for record in records if record.key == customer]
        assert len({record.partition for record in mine}) == 1
        assert [_id(record.value) for record in mine] == [
            f"tx-{n}" for n in range(30) if b"customer-%d" % (n % 3) == customer
        ]
    assert len(_source(settings)) == 30


def _id(value: bytes) -> str:
    found = re.search(rb'"id":\s*"([^"]+)"', value)
    assert found is not None
    return found[1].decode()
