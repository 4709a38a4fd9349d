"""The publishing client on a real broker, and which key an event gets."""

import json
from pathlib import Path

import pytest

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.lanes import KeyCheck
from pipeline.adapters.kafka.publisher import (
    BadLine,
    Publisher,
    PublishError,
    event_key,
    publish_file,
)
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.ports import LogRecord
from tests.integration.kafka_toy import PARTITIONS, Reader, key_for, toy_settings
from tests.services.kafka import Broker


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    topics.apply(settings)
    return settings


def source_records(settings: KafkaSettings) -> list[tuple[int, bytes, bytes]]:
    reader = Reader(settings, settings.topic(settings.source_topic))
    try:
        return [(record.partition, record.key, record.value) for record in reader.read()]
    finally:
        reader.close()


def test_keys_land_where_the_workers_expect_them(settings: KafkaSettings) -> None:
    keys = [b"customer-%d" % number for number in range(1_000)] + ["客戶".encode(), b"x" * 300]
    with Publisher(settings) as publisher:
        for key in keys:
            publisher.send(key, b"{}")
    records = source_records(settings)
    assert len(records) == len(keys)
    assert all(partition == key_partition(key, PARTITIONS) for partition, key, _ in records)


def test_order_within_a_customer_is_kept(settings: KafkaSettings) -> None:
    values = [b"%d" % number for number in range(5_000)]
    with Publisher(settings) as publisher:
        for value in values:
            publisher.send(b"customer", value)
    assert [value for _, _, value in source_records(settings)] == values


def test_refused_record_is_told_at_flush(settings: KafkaSettings) -> None:
    narrow = topics.TopicSpec(
        name=settings.topic(settings.source_topic),
        partitions=PARTITIONS,
        replication=1,
        configs={"max.message.bytes": "1000"},
    )
    topics.apply(settings, [narrow])
    publisher = Publisher(settings)
    try:
        publisher.send(b"customer", json.dumps(list(range(5_000))).encode())
        with pytest.raises(PublishError, match=r"touchpoint\.event\.v1"):
            publisher.flush()
        with pytest.raises(PublishError):
            publisher.send(b"customer", b"small")
    finally:
        publisher.close()


def test_file_is_published_and_its_bad_lines_are_named(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    good = [
        {"id": "1", "subject": "anna", "data": {"text": "您好"}},
        {"id": "2", "anonymous": True},
        {"id": "3", "subject": "ben", "anonymous": True},
    ]
    lines = [json.dumps(event, ensure_ascii=False) for event in good]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([lines[0], "", "{broken", lines[1], '{"id": "4"}', lines[2]]))
    told: list[int] = []
    with Publisher(settings) as publisher:
        report = publish_file(publisher, path, progress=told.append)
    assert (report.sent, report.blank) == (3, 1)
    assert [bad.line for bad in report.bad] == [3, 5]
    assert report.bad[1] == BadLine(line=5, reason="no subject, and not marked anonymous")
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size
    found = {key: value for _, key, value in source_records(settings)}
    assert found == dict(zip([b"anna", b"2", b"ben"], map(str.encode, lines), strict=True))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"id": "1", "subject": "anna"}', b"anna"),
        (b'{"id": "1", "anonymous": true}', b"1"),
        (b'{"id": "1", "subject": null, "anonymous": true}', b"1"),
        (b'{"id": "1", "subject": ""}', "no subject, and not marked anonymous"),
        (b'{"id": "", "anonymous": true}', "anonymous, and without an id"),
    ],
)
def test_key_of_an_event(line: bytes, key: bytes | str) -> None:
    assert event_key(line) == key


@pytest.mark.parametrize("line", [b"[]", b"{", b'{"subject": "anna"}', b'{"id": 1}', b"\xff"])
def test_what_is_no_event_has_no_key(line: bytes) -> None:
    key = event_key(line)
    assert isinstance(key, str)
    assert key.startswith("not a CloudEvent: ")


def test_key_check_looks_at_one_record_in_so_many_across_chunks() -> None:
    told: list[tuple[int, bytes]] = []
    check = KeyCheck(0, PARTITIONS, 10, lambda partition, key: told.append((partition, key)))
    astray = key_for(1)
    for first in range(0, 100, 7):
        count = min(7, 100 - first)
        check.look([LogRecord(first + i, astray, b"") for i in range(count)])
    assert check.misplaced == 10
    assert told == [(0, astray)] * 10


def test_key_check_is_content_with_right_keys_and_ticks() -> None:
    check = KeyCheck(0, PARTITIONS, 1, lambda partition, key: pytest.fail(str(key)))
    check.look([LogRecord(0, key_for(0), b""), LogRecord(1, None, b"")])
    assert check.misplaced == 0
