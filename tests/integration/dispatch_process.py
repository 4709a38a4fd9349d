"""The dispatch worker as a process, actions for it, and what it tells of them."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaProducer

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.care import CareAction, Consent
from schemas.topics import ACTION_DEAD_LETTERS, ACTIONS, CONSENTS
from tests.chaos.fleet import COMMAND, Program
from tests.chaos.readers import TopicReader
from tests.services.kafka import Broker
from tests.services.receiver import SECRET
from tests.unit.dispatching import an_action

PARTITIONS = 4

CHANNELS = """
destinations:
  gateway:
    kind: webhook
    url: {url}
    secret_env: GATEWAY_SECRET
    timeout_seconds: {timeout_seconds}
    max_attempts: {max_attempts}
channels: {{sms: gateway, email: gateway, staff: gateway}}
"""


def settings_on(broker: Broker, prefix: str) -> KafkaSettings:
    """Of a pipeline of its own on ``broker``, whose topics are there; workers are missed soon."""
    settings = KafkaSettings(
        bootstrap=broker.bootstrap,
        prefix=prefix,
        partitions=PARTITIONS,
        replication=1,
        session_timeout_seconds=6.0,
        heartbeat_seconds=1.0,
    )
    topics.apply(settings)
    return settings


def channels_file(
    folder: Path, url: str, *, timeout_seconds: float = 2.0, max_attempts: int = 50
) -> Path:
    path = folder / "channels.yaml"
    path.write_text(
        CHANNELS.format(url=url, timeout_seconds=timeout_seconds, max_attempts=max_attempts)
    )
    return path


class DispatchProcess(Program):
    """``touchpoint worker --stage dispatch``."""

    def __init__(self, settings: KafkaSettings, channels: Path, log: Path, port: int = 0) -> None:
        where = ["--bootstrap", settings.bootstrap, "--prefix", settings.prefix]
        how: list[str | Path] = ["--partitions", str(settings.partitions), "--channels", channels]
        command = [COMMAND, "worker", "--stage", "dispatch", *where, *how, "--port", str(port)]
        super().__init__(
            command,
            log=log,
            environment={
                "GATEWAY_SECRET": SECRET,
                "TOUCHPOINT_KAFKA_REPLICATION": "1",
                "TOUCHPOINT_KAFKA_MAX_MESSAGE_BYTES": str(settings.max_message_bytes),
                "TOUCHPOINT_KAFKA_SESSION_TIMEOUT_SECONDS": str(settings.session_timeout_seconds),
                "TOUCHPOINT_KAFKA_HEARTBEAT_SECONDS": str(settings.heartbeat_seconds),
            },
        )


def fresh_action(number: int, **changes: Any) -> CareAction:
    """An action decided just now, for one of fifty customers."""
    values = {"id": f"a-{number}", "customer": f"customer-{number % 50}"}
    return an_action(**{**values, "decided_at": datetime.now(UTC), **changes})


def publish(
    settings: KafkaSettings,
    records: Iterable[tuple[str, str, bytes | None]],
    *,
    transaction: str | None = None,
    commit: bool = True,
) -> None:
    """Write (topic, key, value); in one transaction of that id, if there is one."""
    options: dict[str, Any] = {} if transaction is None else {"transactional_id": transaction}
    producer = KafkaProducer(
        **settings.kafka_python_options(), acks="all", enable_idempotence=True, **options
    )
    try:
        if transaction is not None:
            producer.init_transactions()
            producer.begin_transaction()
        for topic, key, value in records:
            producer.send(settings.topic(topic), key=key.encode(), value=value)
        producer.flush(timeout=60)
        if transaction is not None:
            (producer.commit_transaction if commit else producer.abort_transaction)()
    finally:
        producer.close(timeout=10)


def publish_actions(settings: KafkaSettings, actions: Sequence[CareAction], **how: Any) -> None:
    records = [(ACTIONS, action.customer, msgspec.json.encode(action)) for action in actions]
    publish(settings, records, **how)


def opt_out(settings: KafkaSettings, customer: str, *denied: str, alerts: bool = True) -> None:
    consent = Consent(customer=customer, denied=denied, alerts=alerts, as_of=datetime.now(UTC))
    record = (CONSENTS, customer, msgspec.json.encode(consent))
    publish(settings, [record], transaction=f"{settings.prefix}consent-{customer}")


class Ledger:
    """What dispatch has written so far: settled events by action, and dead letters."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._events = TopicReader(settings, settings.topic(settings.source_topic))
        self._letters = TopicReader(settings, settings.topic(ACTION_DEAD_LETTERS))

    def close(self) -> None:
        for reader in (self._events, self._letters):
            reader.__exit__(None, None, None)

    def events(self) -> list[tuple[int, dict[str, Any]]]:
        """Partition and event."""
        return [
            (partition, json.loads(record.value or b""))
            for partition, records in self._events.read().items()
            for record in records
        ]

    def results(self) -> dict[str, set[str]]:
        """By action: types of its message events, results of its settled ones."""
        found: dict[str, set[str]] = {}
        for _, event in self.events():
            data = event["data"]
            identity = data.get("about") or data["action"]
            result = data.get("result") or event["type"].split(".")[2]
            found.setdefault(identity, set()).add(result)
        return found

    def event_ids(self) -> dict[str, set[str]]:
        """Ids of the events of each action."""
        found: dict[str, set[str]] = {}
        for _, event in self.events():
            identity = event["data"].get("about") or event["data"]["action"]
            found.setdefault(identity, set()).add(event["id"])
        return found

    def letters(self) -> list[dict[str, Any]]:
        return [
            json.loads(record.value or b"")
            for records in self._letters.read().values()
            for record in records
        ]

    def reasons(self) -> Counter[str]:
        return Counter(letter["reason"] for letter in self.letters())
