"""The topics the pipeline needs, how they differ from what is there, and mending that.

``plan`` only looks; ``apply`` creates topics and alters settings, and refuses what cannot be
mended in place: another partition count or replication factor.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTION_RETRIES,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    EVENTS,
    ORDERS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    PROPOSALS,
    SCORES,
)

DAY_MS = 86_400_000
ADMIN_TIMEOUT_MS = 5_000
APPLIED_SECONDS = 10.0

STAGES = ("perceive", "allocate")

Kind = Literal["source", "letters", "output", "compact"]

_KINDS: Mapping[str, Kind] = {
    EVENTS: "source",
    PROPOSALS: "source",
    DEAD_LETTERS: "letters",
    PROPOSAL_DEAD_LETTERS: "letters",
    ACTION_DEAD_LETTERS: "letters",
    SCORES: "compact",
    CONSENTS: "compact",
    ORDERS: "compact",
    CONTRIBUTIONS: "output",
    OUTLOOKS: "output",
    ACTIONS: "output",
    ACTION_RETRIES: "output",
    DECISIONS: "output",
    CASES: "output",
    CAMPAIGNS: "output",
}
"""Every topic but the changelogs: how long its records are kept, or that only the last are."""


@dataclass(frozen=True, kw_only=True)
class TopicSpec:
    """A topic as it should be; ``configs`` are the settings that matter, others are left alone."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one topic lacks. ``text`` says it in words; ``refuse`` needs a person to decide."""

    kind: Literal["create", "alter", "refuse"]
    topic: str
    text: str
    configs: Mapping[str, str] = field(default_factory=dict)


class TopicsRefusedError(Exception):
    """Some topics differ in ways that cannot be mended in place; nothing was changed."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__("; ".join(difference.text for difference in differences))
        self.differences = tuple(differences)


def expected_topics(settings: KafkaSettings, stages: Sequence[str] = STAGES) -> list[TopicSpec]:
    """Every topic of an installation, in the order they are created."""
    by_kind: dict[Kind, dict[str, str]] = {
        "source": _deleted(settings.source_retention_days),
        "letters": _deleted(settings.dead_letter_retention_days),
        "output": _deleted(settings.output_retention_days),
        "compact": {"cleanup.policy": "compact"},
    }
    own: dict[str, Kind] = {
        settings.source_topic: "source",
        settings.dead_letter_topic(): "letters",
    }
    configs = {settings.topic(topic): by_kind[kind] for topic, kind in {**_KINDS, **own}.items()}
    for stage in stages:
        configs[settings.changelog_topic(stage)] = {"cleanup.policy": "compact"}
    in_sync = min(settings.min_insync_replicas, settings.replication)
    return [
        TopicSpec(
            name=name,
            partitions=settings.partitions,
            replication=settings.replication,
            configs={
                **own,
                "min.insync.replicas": str(in_sync),
                "max.message.bytes": str(settings.max_bytes(name)),
            },
        )
        for name, own in configs.items()
    ]


def _deleted(retention_days: float) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(int(retention_days * DAY_MS))}


def plan(settings: KafkaSettings, specs: Sequence[TopicSpec] | None = None) -> list[Difference]:
    """What is missing or different; empty if all is well.

    Raises ``kafka.errors.KafkaError`` if the cluster does not answer.
    """
    wanted = expected_topics(settings) if specs is None else specs
    with _admin(settings) as admin:
        present = _describe(admin, [spec.name for spec in wanted])
        configs = _configs(admin, list(present))
    return [
        difference
        for spec in wanted
        for difference in _differences(spec, present.get(spec.name), configs.get(spec.name, {}))
    ]


def apply(settings: KafkaSettings, specs: Sequence[TopicSpec] | None = None) -> list[Difference]:
    """Carry out the plan and return it, once it shows; a second call finds nothing to do.

    Raises ``TopicsRefusedError``, having changed nothing, if anything needs a person's decision.
    """
    wanted = expected_topics(settings) if specs is None else specs
    differences = plan(settings, wanted)
    refused = [difference for difference in differences if difference.kind == "refuse"]
    if refused:
        raise TopicsRefusedError(refused)
    by_name = {spec.name: spec for spec in wanted}
    new = [by_name[d.topic] for d in differences if d.kind == "create"]
    altered = [d for d in differences if d.kind == "alter"]
    with _admin(settings) as admin:
        if new:
            admin.create_topics({spec.name: _new_topic(spec) for spec in new})
            admin.wait_for_topics([spec.name for spec in new])
        if altered:
            admin.alter_configs(
                [ConfigResource("TOPIC", d.topic, dict(d.configs)) for d in altered]
            )
    if differences:
        _wait_applied(settings, wanted)
    return differences


def _wait_applied(settings: KafkaSettings, wanted: Sequence[TopicSpec]) -> None:
    """Brokers answer before every one of them shows the change: wait until the plan is empty."""
    deadline = time.monotonic() + APPLIED_SECONDS
    while plan(settings, wanted) and time.monotonic() < deadline:
        time.sleep(0.1)


def partition_problems(settings: KafkaSettings) -> list[str]:
    """Why a worker may not start on these topics, in words; empty if it may.

    Outputs go to the partition number of their source, so a topic with fewer partitions would
    stop a lane, and one with more would break the order of keys for its readers.
    """
    wanted = expected_topics(settings)
    with _admin(settings) as admin:
        present = _describe(admin, [spec.name for spec in wanted])
    problems = []
    for spec in wanted:
        topic = present.get(spec.name)
        if topic is None:
            problems.append(f"{spec.name} does not exist: run `touchpoint topics apply`")
        elif len(topic["partitions"]) != spec.partitions:
            problems.append(_partition_text(spec, len(topic["partitions"])))
    return problems


def _partition_text(spec: TopicSpec, count: int) -> str:
    return (
        f"{spec.name} has {count} partitions, the pipeline is set to {spec.partitions}: every "
        "topic must have the same count, and changing it moves keys to other partitions"
    )


def _differences(
    spec: TopicSpec, topic: Mapping[str, Any] | None, configs: Mapping[str, str]
) -> Iterator[Difference]:
    if topic is None:
        settings = ", ".join(f"{name}={value}" for name, value in spec.configs.items())
        text = f"{spec.name}: create with {spec.partitions} partitions, "
        text += f"replication {spec.replication}, {settings}"
        yield Difference(kind="create", topic=spec.name, text=text)
        return
    count = len(topic["partitions"])
    if count != spec.partitions:
        yield Difference(kind="refuse", topic=spec.name, text=_partition_text(spec, count))
    replicas = {len(partition["replica_nodes"]) for partition in topic["partitions"]}
    if replicas != {spec.replication}:
        text = f"{spec.name} has replication {sorted(replicas)}, set is {spec.replication}: "
        text += "reassign its partitions, or set the replication it has"
        yield Difference(kind="refuse", topic=spec.name, text=text)
    changed = {k: v for k, v in spec.configs.items() if configs.get(k) != v}
    if changed:
        words = ", ".join(f"{k} from {configs.get(k)} to {v}" for k, v in changed.items())
        yield Difference(
            kind="alter", topic=spec.name, text=f"{spec.name}: change {words}", configs=changed
        )


def _new_topic(spec: TopicSpec) -> dict[str, object]:
    return {
        "num_partitions": spec.partitions,
        "replication_factor": spec.replication,
        "configs": dict(spec.configs),
    }


def _describe(admin: Any, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    there = set(admin.list_topics())
    asked = [name for name in names if name in there]
    return {topic["name"]: topic for topic in admin.describe_topics(asked)} if asked else {}


def _configs(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    described = admin.describe_configs(
        [ConfigResource("TOPIC", name) for name in names], config_filter="all"
    )
    return {
        name: {key: config["value"] for key, config in configs.items()}
        for name, configs in described.get("topic", {}).items()
    }


@contextmanager
def _admin(settings: KafkaSettings) -> Iterator[Any]:
    admin = KafkaAdminClient(
        **settings.kafka_python_options(),
        bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
        request_timeout_ms=ADMIN_TIMEOUT_MS,
    )
    try:
        yield admin
    finally:
        admin.close()
