"""Fills a fresh source topic before a run, many records a request."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.clients import make_producer
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from tests.bench.events import Sent

_partition = lru_cache(maxsize=None)(key_partition)


def fill(settings: KafkaSettings, events: Sequence[Sent]) -> None:
    """Make the topics of ``settings`` and write ``events`` to the source, in order by key."""
    topics.apply(settings)
    _wait_for_leaders(settings)
    asyncio.run(_fill(settings, events))


def _wait_for_leaders(settings: KafkaSettings) -> None:
    # A topic is there before its partitions serve: clients would only log and try again.
    consumer: Any = KafkaConsumer(**settings.kafka_python_options())
    try:
        for spec in topics.expected_topics(settings):
            consumer.end_offsets([TopicPartition(spec.name, p) for p in range(spec.partitions)])
    finally:
        consumer.close()


async def _fill(settings: KafkaSettings, events: Sequence[Sent]) -> None:
    producer = make_producer(settings, enable_idempotence=True)
    await producer.start()
    try:
        topic = settings.topic(settings.source_topic)
        batches: dict[int, Any] = {}
        futures = []
        for key, value in events:
            partition = _partition(key, settings.partitions)
            batch = batches.get(partition)
            if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
                if batch is not None:
                    futures.append(await producer.send_batch(batch, topic, partition=partition))
                batch = batches[partition] = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            futures.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*futures)
    finally:
        await producer.stop()
