"""A town to be cared for on Kafka: events, workers of every stage, and what they must come to."""

import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Self

from ruamel.yaml import YAML

from pipeline.adapters.kafka.publisher import Publisher
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.config import policy_text
from schemas.topics import CONSENTS
from tests.chaos.fleet import COMMAND, Program
from tests.chaos.readers import TopicReader
from tests.services.receiver import SECRET

SOURCE = "/town"
CUSTOMERS = 60
COHORTS = 12
PER_SECOND = 25.0
GIFT_COST = 12
BUDGET = 30 * GIFT_COST

CHANNELS = """
destinations:
  gateway:
    kind: webhook
    url: {url}
    secret_env: GATEWAY_SECRET
    timeout_seconds: 1
    max_attempts: 100
channels:
  sms: gateway
  email: gateway
  push: gateway
  phone: gateway
  post: gateway
  staff: gateway
"""


def write_policy(path: Path, closes: datetime) -> Path:
    """The policy shipped, with a campaign that closes soon and no hours of the night."""
    content = YAML(typ="safe", pure=True).load(policy_text(None)[0])
    content["decide"].pop("quiet")
    content["care"]["actions"]["gift"]["cost"] = GIFT_COST
    content["patterns"]["missing_alert"]["within_seconds"] = 600
    # Months pass here in a minute: while a killed process comes back, a customer has more events
    # than are remembered otherwise, and what is told again must be known all the same.
    content["limits"] |= {
        "remembered_events": 256,
        "remembered_actions": 256,
        "state_bytes": 16_384,
    }
    content["campaigns"]["spring_gift"] = {
        "gift": "tea",
        "closes": closes,
        "settle_seconds": 3,
        "budget": BUDGET,
        "cohorts": "whole",
    }
    path.write_text(json.dumps(content, default=str))
    return path


class StageProcess(Program):
    """``touchpoint worker --stage``: one start, with a log of its own."""

    def __init__(self, stage: str, settings: KafkaSettings, folder: Path, start: int) -> None:
        self.stage = stage
        command: list[str | Path] = [COMMAND, "worker", "--stage", stage, "--port", "0"]
        command += ["--policy", folder / "policy.yaml"]
        if stage == "dispatch":
            command += ["--channels", folder / "channels.yaml"]
        values = {
            "BOOTSTRAP": settings.bootstrap,
            "PREFIX": settings.prefix,
            "PARTITIONS": str(settings.partitions),
            "REPLICATION": "1",
            "SESSION_TIMEOUT_SECONDS": str(settings.session_timeout_seconds),
            "HEARTBEAT_SECONDS": str(settings.heartbeat_seconds),
        }
        environment = {f"TOUCHPOINT_KAFKA_{name}": value for name, value in values.items()}
        environment["GATEWAY_SECRET"] = SECRET
        super().__init__(command, log=folder / f"{stage}-{start}.log", environment=environment)


class Stages:
    """One process of each stage, killed and started anew."""

    NAMES = ("perceive", "allocate", "dispatch")

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._starts = 0
        self._running: dict[str, StageProcess] = {}

    def start(self, stage: str) -> None:
        self._starts += 1
        process = StageProcess(stage, self._settings, self._folder, self._starts)
        process.start()
        self._running[stage] = process

    def kill(self, stage: str) -> None:
        self._running[stage].kill()

    def close(self) -> None:
        for process in self._running.values():
            process.kill()

    def logs(self) -> Iterator[str]:
        for process in self._running.values():
            yield process.log_tail()


class Town:
    """Publishes what happens, and watches when opt-outs take hold."""

    def __init__(self, settings: KafkaSettings, seed: int) -> None:
        self._settings = settings
        self._chance = random.Random(seed)
        self._stop = Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._live, self._watch)
        ]
        self._leaving = [f"c-{n}" for n in range(0, CUSTOMERS, 6)]
        self.sent = 0
        self.opted_out: dict[str, float] = {}
        """By customer, wall time at which the opt-out from SMS of service was seen committed."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if self._failure is not None:
            raise RuntimeError("the town could not live") from self._failure

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to whoever leaves the block
            self._failure = error

    def _live(self) -> None:
        with Publisher(self._settings) as publisher:
            for number in range(CUSTOMERS):
                cohort = f"office-{number % COHORTS}"
                self._send(publisher, f"c-{number}", "customer.profiled", {"cohort": cohort})
                nominated = {"campaign": "spring_gift", "cohort_size": CUSTOMERS // COHORTS}
                self._send(publisher, f"c-{number}", "campaign.nominated", nominated)
            while not self._stop.wait(1 / PER_SECOND):
                self._send(publisher, *self._next())

    def _next(self) -> tuple[str, str, dict[str, Any]]:
        chance, name = self._chance, f"c-{self._chance.randrange(CUSTOMERS)}"
        draw = chance.random()
        if self._leaving and draw < 0.02:
            denied = {"channel": "sms", "purpose": "service", "granted": False}
            return self._leaving.pop(), "customer.consented", denied
        if draw < 0.1:
            complained = {"complaint": f"k-{self.sent}", "topic": chance.choice(("card", "fee"))}
            return name, "complaint.opened", complained
        bought = {"amount": round(chance.uniform(1, 500), 2), "currency": "EUR"}
        return name, "transaction.completed", bought

    def _send(self, publisher: Publisher, name: str, kind: str, data: dict[str, Any]) -> None:
        self.sent += 1
        event = {
            "specversion": "1.0",
            "id": f"t-{self.sent}",
            "source": SOURCE,
            "type": f"touchpoint.{kind}.v1",
            "subject": name,
            "time": datetime.now(UTC).isoformat(),
            "data": data,
        }
        publisher.send(name.encode(), json.dumps(event).encode())

    def _watch(self) -> None:
        with TopicReader(self._settings, self._settings.topic(CONSENTS)) as reader:
            while not self._stop.wait(0.1):
                for records in reader.read().values():
                    for record in records:
                        consent = json.loads(record.value or b"{}")
                        if "sms:service" in consent.get("denied", ()):
                            self.opted_out.setdefault(consent["customer"], time.time())


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
