"""Everything the Kafka adapter can be told, with its default and the reason for it."""

import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from schemas.topics import PROPOSALS

SOURCES: Final = {"allocate": PROPOSALS}
"""What a stage reads, if that is not the touches."""


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """How to reach the cluster, and how the worker behaves on it.

    Topic names elsewhere in the project are logical (``perception.score.v1``); ``prefix`` is put
    before every one of them on the wire, so several installations can share a cluster.
    """

    bootstrap: str = "localhost:9092"
    """Comma-separated ``host:port`` list."""

    app_id: str = "touchpoint"
    """Consumer group, and the stem of transactional ids and of the changelog's name."""

    stage: str = "perceive"
    """What this process does; each other stage than ``perceive`` has a group of its own."""

    prefix: str = ""
    source_topic: str = "touchpoint.event.v1"
    partitions: int = 12
    """Every topic of the pipeline has this many: outputs go to the partition of their source."""

    replication: int = 3
    min_insync_replicas: int = 2
    """Applied only where ``replication`` allows it (capped at ``replication``)."""

    source_retention_days: float = 30.0
    dead_letter_retention_days: float = 90.0
    output_retention_days: float = 30.0
    max_message_bytes: int = 8_388_608
    """The largest record batch a topic takes. Far above what an event may have, so that a giant
    becomes a dead letter with its bytes, and not a publisher's riddle."""

    data_dir: Path | None = None
    """Where RocksDB keeps one directory per partition; ``None`` keeps states in memory."""

    security_protocol: str = "PLAINTEXT"
    ssl_ca_file: Path | None = None
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None

    # With request and transaction time-outs of this size output flowed again 4-8 s after an
    # outage of all brokers; session and heartbeat decide how soon a dead worker is replaced.
    request_timeout_seconds: float = 15.0
    transaction_timeout_seconds: float = 30.0
    session_timeout_seconds: float = 10.0
    heartbeat_seconds: float = 2.0

    fetch_wait_ms: int = 20
    """How long a broker may hold an empty fetch: bounds the latency of the first record."""

    max_chunk_bytes: int = 1_048_576
    """Bytes of one partition that one fetch brings, and so roughly the size of a chunk."""

    tick_seconds: float = 1.0
    broker_wait_seconds: float = 60.0
    """How long a starting worker waits for the first broker to answer."""

    stop_seconds: float = 3.0
    """What a lane gets to finish its transaction when the process is told to stop."""

    hard_exit_seconds: float = 12.0
    """After this a stop that hangs is cut short: what counts is in committed transactions."""

    key_check_every: int = 100
    """One record in so many has its key's partition checked."""

    def topic(self, name: str) -> str:
        """The name on the wire of the logical topic ``name``."""
        return self.prefix + name

    def changelog_topic(self, stage: str) -> str:
        """The name on the wire of a stage's state changelog."""
        return self.topic(f"{self.app_id}.{stage}.changelog")

    def dead_letter_topic(self) -> str:
        """The logical name of the topic where refused records of the source topic go."""
        return f"{self.source_topic}.dlq"

    def max_bytes(self, topic: str) -> int:
        """The largest record batch that the topic of this wire name takes.

        A dead letter wraps the original bytes, and what is put off has headers beside them, so
        their topics take twice as much.
        """
        return self.max_message_bytes * (2 if topic.endswith((".dlq", ".retry")) else 1)

    def transactional_id(self, stage: str, partition: int) -> str:
        return f"{self.prefix}{self.app_id}-{stage}-{partition}"

    def group_id(self) -> str:
        own = "" if self.stage == "perceive" else f"-{self.stage}"
        return f"{self.prefix}{self.app_id}{own}"

    def of_stage(self, stage: str) -> "KafkaSettings":
        """The same for a process of ``stage``: what it reads, and its group."""
        source = SOURCES.get(stage, self.source_topic)
        return replace(self, stage=stage, source_topic=source)

    def aiokafka_options(self) -> dict[str, object]:
        """Keyword arguments that every aiokafka client of this adapter shares."""
        options: dict[str, object] = {
            "bootstrap_servers": self.bootstrap,
            "request_timeout_ms": int(self.request_timeout_seconds * 1000),
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self._ca_file())
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options

    def kafka_python_options(self) -> dict[str, object]:
        """Keyword arguments that every kafka-python client of this adapter shares."""
        options: dict[str, object] = {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_cafile"] = self._ca_file()
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options

    def _ca_file(self) -> str | None:
        return None if self.ssl_ca_file is None else str(self.ssl_ca_file)
