"""Planning and applying topics on a real broker."""

import pytest

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.settings import KafkaSettings
from tests.integration.kafka_toy import toy_settings
from tests.services.kafka import Broker


def test_apply_creates_all_and_a_second_call_finds_nothing(
    broker: Broker, topic_prefix: str
) -> None:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    created = topics.apply(settings)
    assert {difference.kind for difference in created} == {"create"}
    assert {difference.topic for difference in created} == {
        topic_prefix + name
        for name in (
            "touchpoint.event.v1",
            "touchpoint.event.v1.dlq",
            "perception.score.v1",
            "perception.contribution.v1",
            "perception.outlook.v1",
            "care.action.v1",
            "care.action.v1.dlq",
            "care.action.v1.retry",
            "care.campaign.v1",
            "care.case.v1",
            "care.consent.v1",
            "care.decision.v1",
            "care.order.v1",
            "care.proposal.v1",
            "care.proposal.v1.dlq",
            "touchpoint.perceive.changelog",
            "touchpoint.allocate.changelog",
        )
    }
    assert topics.plan(settings) == []
    assert topics.apply(settings) == []
    assert topics.partition_problems(settings) == []


def test_plan_alone_changes_nothing(broker: Broker, topic_prefix: str) -> None:
    settings = toy_settings(broker.bootstrap, topic_prefix)
    assert topics.plan(settings) == topics.plan(settings) != []


def test_changed_retention_is_altered_and_other_settings_stay(
    broker: Broker, topic_prefix: str
) -> None:
    before = toy_settings(broker.bootstrap, topic_prefix)
    topics.apply(before)
    after = toy_settings(broker.bootstrap, topic_prefix, source_retention_days=7.0)
    altered = topics.apply(after)
    assert {d.topic for d in altered} == {
        topic_prefix + name for name in ("touchpoint.event.v1", "care.proposal.v1")
    }
    for difference in altered:
        assert difference.kind == "alter"
        assert "retention.ms from 2592000000 to 604800000" in difference.text
    assert topics.plan(after) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"partitions": 6}, "has 4 partitions, the pipeline is set to 6"),
        ({"partitions": 2}, "has 4 partitions, the pipeline is set to 2"),
        ({"replication": 3}, r"has replication \[1\], set is 3"),
    ],
)
def test_what_cannot_be_mended_is_refused_and_nothing_is_changed(
    broker: Broker, topic_prefix: str, changes: dict[str, int], words: str
) -> None:
    before = toy_settings(broker.bootstrap, topic_prefix)
    topics.apply(before)
    after = toy_settings(broker.bootstrap, topic_prefix, source_retention_days=7.0, **changes)
    with pytest.raises(topics.TopicsRefusedError, match=words):
        topics.apply(after)
    assert topics.plan(before) == []


def test_states_of_things_are_compacted_and_the_rest_is_deleted() -> None:
    specs = topics.expected_topics(KafkaSettings())
    compacted = {s.name for s in specs if s.configs["cleanup.policy"] == "compact"}
    assert compacted == {
        "perception.score.v1",
        "care.consent.v1",
        "care.order.v1",
        "touchpoint.perceive.changelog",
        "touchpoint.allocate.changelog",
    }
    assert all("retention.ms" in s.configs for s in specs if s.name not in compacted)
    assert {s.partitions for s in specs} == {12}
    assert {s.configs["min.insync.replicas"] for s in specs} == {"2"}
