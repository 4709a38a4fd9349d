"""The transactional unit of work and the changelog on a real broker."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from kafka import KafkaAdminClient

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.changelog import KafkaChangelog, TopicIdentity
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.unit_of_work import KafkaUnitOfWork
from pipeline.engine.codec import POSITION_CODEC
from pipeline.engine.errors import Fenced, OutputTooLarge
from pipeline.engine.ports import POSITION_KEY, ChangelogEntry, Output, Position
from schemas.topics import SCORES
from tests.integration.kafka_toy import Reader, toy_settings
from tests.services.kafka import Broker

STAGE = "perceive"
LIMIT_SECONDS = 30.0


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = toy_settings(broker.bootstrap, topic_prefix, partitions=1)
    topics.apply(settings)
    return settings


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, LIMIT_SECONDS))


def output(value: bytes) -> Output:
    return Output(SCORES, b"customer", value)


async def opened(settings: KafkaSettings) -> KafkaUnitOfWork:
    unit = KafkaUnitOfWork(settings, STAGE, 0)
    await unit.open()
    return unit


async def write(unit: KafkaUnitOfWork, values: Sequence[bytes], position: int) -> int:
    await unit.begin()
    await unit.send([output(value) for value in values], {b"customer": b"s"}, Position(position))
    await unit.send_offsets(Position(position))
    return await unit.commit()


def visible(settings: KafkaSettings) -> list[bytes]:
    reader = Reader(settings, settings.topic(SCORES))
    try:
        return [record.value for record in reader.read()]
    finally:
        reader.close()


async def entries(settings: KafkaSettings, start: int = 0) -> list[ChangelogEntry]:
    identity = TopicIdentity(settings, settings.changelog_topic(STAGE))
    changelog = KafkaChangelog(settings, STAGE, 0, identity)
    first, end = await changelog.bounds()
    return [e async for batch in changelog.read(max(first, start), end) for e in batch]


def test_commit_makes_outputs_states_and_position_visible(settings: KafkaSettings) -> None:
    async def work() -> None:
        unit = await opened(settings)
        first = await write(unit, [b"a", b"b"], 2)
        second = await write(unit, [b"c"], 3)
        await unit.close()
        read = await entries(settings)
        positions = [POSITION_CODEC.decode(e.value or b"") for e in read if e.key == POSITION_KEY]
        assert positions == [Position(2), Position(3)]
        # The returned offsets are where a store that has applied the chunk must read on.
        assert await entries(settings, first) == read[2:]
        assert await entries(settings, second) == []

    run(work())
    assert visible(settings) == [b"a", b"b", b"c"]


def test_tombstone_reaches_the_changelog(settings: KafkaSettings) -> None:
    async def work() -> None:
        unit = await opened(settings)
        await unit.begin()
        await unit.send([], {b"customer": None}, Position(1))
        await unit.commit()
        await unit.close()
        first, _ = await entries(settings)
        assert (first.key, first.value) == (b"customer", None)

    run(work())


def test_nothing_is_visible_before_commit_or_after_close(settings: KafkaSettings) -> None:
    async def work() -> None:
        unit = await opened(settings)
        await unit.begin()
        await unit.send([output(b"lost")], {b"customer": b"s"}, Position(1))
        await unit.send_offsets(Position(1))
        await unit.close()
        next_unit = await opened(settings)
        await write(next_unit, [b"kept"], 1)
        await next_unit.close()

    run(work())
    assert visible(settings) == [b"kept"]


def test_batch_over_the_brokers_limit_loses_nothing(settings: KafkaSettings) -> None:
    # The broker takes less than the client believes: only its answer tells.
    narrow = topics.TopicSpec(
        name=settings.topic(SCORES),
        partitions=1,
        replication=1,
        configs={"max.message.bytes": "10000"},
    )
    topics.apply(settings, [narrow])

    async def work() -> None:
        unit = await opened(settings)
        with pytest.raises(OutputTooLarge):
            await write(unit, [b"x" * 20_000], 1)
        await unit.close()
        # Neither the state nor the position of the failed chunk was committed without its output.
        assert await entries(settings) == []
        next_unit = await opened(settings)
        await write(next_unit, [b"small"], 1)
        await next_unit.close()

    run(work())
    assert visible(settings) == [b"small"]


def test_output_over_our_own_limit_is_refused_before_anything_is_sent(
    settings: KafkaSettings,
) -> None:
    async def work() -> None:
        unit = await opened(settings)
        await unit.begin()
        with pytest.raises(OutputTooLarge, match="the limit is"):
            await unit.send([output(b"x" * 1_100_000)], {}, Position(1))
        with pytest.raises(OutputTooLarge, match="changelog"):
            await unit.send([], {b"customer": b"x" * 1_100_000}, Position(1))
        await unit.close()

    run(work())


def test_chunk_larger_than_a_batch_is_one_transaction(settings: KafkaSettings) -> None:
    values = [b"%d-" % number + b"x" * 100_000 for number in range(30)]

    async def work() -> None:
        unit = await opened(settings)
        await write(unit, values, 30)
        await unit.close()

    run(work())
    assert visible(settings) == values


def test_opening_fences_the_earlier_owner(settings: KafkaSettings) -> None:
    async def work() -> None:
        zombie = await opened(settings)
        await zombie.begin()
        await zombie.send([output(b"zombie")], {b"customer": b"z"}, Position(1))
        owner = await opened(settings)
        await write(owner, [b"owner"], 1)
        with pytest.raises((Fenced, KafkaError)):
            await zombie.commit()
        await zombie.close()
        await owner.close()

    run(work())
    assert visible(settings) == [b"owner"]


def test_close_returns_soon_when_the_broker_is_frozen(
    broker: Broker, settings: KafkaSettings
) -> None:
    async def work() -> None:
        unit = await opened(settings)
        await write(unit, [b"kept"], 1)
        await unit.begin()
        broker.pause()
        try:
            await unit.send([output(b"never")], {}, Position(2))
            started = time.monotonic()
            await unit.close()
            assert time.monotonic() - started < 5.0
        finally:
            broker.resume()

    run(work())


def test_group_offsets_follow_the_position(settings: KafkaSettings) -> None:
    async def work() -> None:
        unit = await opened(settings)
        await write(unit, [b"a"], 7)
        await unit.close()

    run(work())
    admin = KafkaAdminClient(**settings.kafka_python_options())
    try:
        offsets = admin.list_group_offsets({settings.group_id(): None})[settings.group_id()]
    finally:
        admin.close()
    assert [offset.offset for offset in offsets.values()] == [7]


def test_a_topic_made_anew_has_another_identity(settings: KafkaSettings) -> None:
    topic = settings.changelog_topic(STAGE)
    before = asyncio.run(TopicIdentity(settings, topic).get())
    assert asyncio.run(TopicIdentity(settings, topic).get()) == before
    admin = KafkaAdminClient(**settings.kafka_python_options())
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
    topics.apply(settings)
    assert asyncio.run(TopicIdentity(settings, topic).get()) != before
