"""Everything once on three brokers while they restart, die and vanish; the worker stays alive."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest
from kafka import KafkaAdminClient

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.settings import KafkaSettings
from tests.chaos.feed import Feed, Publishing
from tests.chaos.fleet import fleet_of
from tests.chaos.judging import catch_up, judge
from tests.chaos.readers import STAGE
from tests.services.kafka import Broker, Cluster

PARTITIONS = 4
EVENTS_PER_SECOND = 300
DARK_SECONDS = 15.0
CATCH_UP_SECONDS = 90.0

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(cluster: Cluster, topic_prefix: str) -> KafkaSettings:
    settings = KafkaSettings(
        bootstrap=cluster.bootstrap, prefix=topic_prefix, partitions=PARTITIONS
    )
    topics.apply(settings)
    return settings


@contextmanager
def admin(settings: KafkaSettings) -> Iterator[Any]:
    client = KafkaAdminClient(**settings.kafka_python_options())
    try:
        yield client
    finally:
        client.close()


def leader(cluster: Cluster, settings: KafkaSettings) -> Broker:
    """The node that leads the first partition of the source topic."""
    with admin(settings) as client:
        [topic] = client.describe_topics([settings.topic(settings.source_topic)])
    [first] = [part for part in topic["partitions"] if part["partition_index"] == 0]
    return node(cluster, first["leader_id"])


def coordinator(cluster: Cluster, settings: KafkaSettings) -> Broker:
    """The node that coordinates the transactions of the first partition's lane."""
    name = settings.transactional_id(STAGE, 0)
    with admin(settings) as client:
        return node(cluster, client.describe_transactions([name])[name].coordinator_id)


def node(cluster: Cluster, node_id: int) -> Broker:
    [found] = [broker for broker in cluster.brokers if broker.node_id == node_id]
    return found


def test_everything_once_while_brokers_restart_die_and_vanish(
    cluster: Cluster, settings: KafkaSettings, tmp_path: Path
) -> None:
    chance = random.Random()
    never = Event()
    began = monotonic()

    def for_a_while(what: str, seconds: float) -> None:
        assert worker.running, f"the worker ended: {what}"
        print(f"{monotonic() - began:.0f} s: {what}")
        never.wait(seconds)

    feed = Feed(chance.randrange(10**6), large=False)
    with fleet_of(settings, tmp_path) as fleet:
        worker = fleet.add()
        worker.wait_running(PARTITIONS)
        with Publishing(settings, feed, per_second=EVENTS_PER_SECOND) as publishing:
            for_a_while("all is well", 3.0)
            cluster.rolling_restart()
            for_a_while("one after the other restarted", 3.0)
            for find in (leader, coordinator):
                victim = find(cluster, settings)
                victim.kill()
                for_a_while(f"{find.__name__} killed: node {victim.node_id}", 5.0)
                cluster.heal()
                for_a_while("all are back", 3.0)
            cluster.kill_all()
            for_a_while("all killed", DARK_SECONDS)
            cluster.heal()
            for_a_while("all are back", 3.0)
        for_a_while("all is published", 0.0)
        catch_up(settings, seconds=CATCH_UP_SECONDS)
        for_a_while("caught up", 0.0)
        assert fleet.end(worker) == 0
        judged = judge(settings, feed)
    print(f"{publishing.sent} sent, {judged}, {monotonic() - began:.0f} s")
