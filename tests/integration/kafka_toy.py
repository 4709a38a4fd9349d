"""A worker with a toy stage for the tests of the Kafka adapter; run as a module it is a process.

The stage copies each event to the score topic and counts the events of a customer as its state,
so that what comes out can be compared with what went in. ``event>b>c`` it sends on to ``b``.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.worker import KafkaWorker
from pipeline.engine.ports import POSITION_KEY, Labels, Output, Read, Record, Refused, Stepped, Tick
from schemas.topics import SCORES
from tests.integration.loop_toy import onward
from tests.services.process import wait_until

PARTITIONS = 4
LARGE_FACTOR = 300_000
"""A value ``large`` leads to an output of this many bytes."""


class ToyStage:
    """Counts a customer's events, and copies each of them."""

    name = "perceive"

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        if record.key is None:
            return Tick(json.loads(record.value or b"{}")["clock_ms"])
        return Read(record.key, record.value or b"")

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        outputs: list[Output] = []
        for value in inputs:
            assert isinstance(value, bytes)
            copy = value * LARGE_FACTOR if value == b"large" else value
            outputs += [Output(SCORES, key, copy), *onward(value)]
        return Stepped(b"%d" % (int(state or b"0") + len(inputs)), outputs, 0)

    def due_of(self, state: bytes) -> int | None:
        return None

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        letter = Output("touchpoint.event.v1.dlq", record.key or b"", record.value or b"")
        return Refused(reason, letter)


class PrintingObserver:
    """Prints what becomes of the lanes, for the log of a failed test."""

    def committed(
        self,
        partition: int,
        *,
        processed: int,
        duplicates: int,
        refused: Mapping[str, int],
        outputs: int,
        fired: int,
        failed: int,
        waiting: int,
        seconds: float,
        told: Mapping[Labels, int],
    ) -> None:
        pass

    def failed(self, partition: int, phase: str, error: BaseException) -> None:
        print(f"lane {partition}: {phase} failed: {error!r}", flush=True)

    def state_changed(self, partition: int, state: str, detail: str) -> None:
        print(f"lane {partition}: {state} {detail}", flush=True)


def toy_settings(bootstrap: str, prefix: str, **changes: Any) -> KafkaSettings:
    values = {
        "bootstrap": bootstrap,
        "prefix": prefix,
        "replication": 1,
        "partitions": PARTITIONS,
        "max_message_bytes": 1_048_588,
    }
    return KafkaSettings(**{**values, **changes})


def tick_value(partition: int, clock_ms: int) -> bytes:
    return json.dumps({"clock_ms": clock_ms}).encode()


class WorkerProcess:
    """One worker in a process of its own; kills it on leaving."""

    def __init__(self, settings: KafkaSettings, log: Path, **changes: str) -> None:
        self._log = log
        environment = {
            "TOY_BOOTSTRAP": settings.bootstrap,
            "TOY_PREFIX": settings.prefix,
            "TOY_DATA_DIR": "" if settings.data_dir is None else str(settings.data_dir),
            **changes,
        }
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.kafka_toy"],
                cwd=Path(__file__).parents[2],
                env=os.environ | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def running_lanes(self) -> set[int]:
        """Partitions whose lane ran when its state last changed."""
        state: dict[int, str] = {}
        for line in self.log().splitlines():
            if line.startswith("lane ") and " failed: " not in line:
                head, _, rest = line.removeprefix("lane ").partition(": ")
                state[int(head)] = rest.split(" ")[0]
        return {partition for partition, word in state.items() if word == "running"}

    def wait_running(self, count: int, seconds: float = 20.0) -> None:
        wait_until(
            lambda: len(self.running_lanes()) == count,
            seconds=seconds,
            what=f"{count} running lanes in\n{self.log()}",
        )

    def terminate(self, seconds: float = 15.0) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Reader:
    """Reads a topic of the test from its beginning, committed records only."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._consumer: Any = KafkaConsumer(
            **settings.kafka_python_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        self._tps = [TopicPartition(topic, p) for p in range(settings.partitions)]
        self._consumer.assign(self._tps)
        self._consumer.seek_to_beginning(*self._tps)
        self.records: list[Any] = []

    def read(self) -> list[Any]:
        """Everything from the beginning to the present end."""
        ends = self._consumer.end_offsets(self._tps)
        while any(self._consumer.position(tp) < ends[tp] for tp in self._tps):
            for records in self._consumer.poll(timeout_ms=200).values():
                self.records.extend(records)
        return self.records

    def close(self) -> None:
        self._consumer.close()


def values_seen(settings: KafkaSettings, count: int, *, seconds: float = 20.0) -> Counter[bytes]:
    """How often each value is in the score topic, once ``count`` or more records are there."""
    reader = Reader(settings, settings.topic(SCORES))
    try:
        wait_until(
            lambda: len(reader.read()) >= count,
            seconds=seconds,
            what=f"{count} records, there are {len(reader.records)}",
        )
        return Counter(record.value for record in reader.records)
    finally:
        reader.close()


def states(settings: KafkaSettings) -> dict[bytes, bytes]:
    """The latest state of each customer in the changelog."""
    reader = Reader(settings, settings.changelog_topic(ToyStage.name))
    try:
        return {r.key: r.value for r in reader.read() if r.key != POSITION_KEY}
    finally:
        reader.close()


def key_for(partition: int, partitions: int = PARTITIONS) -> bytes:
    """A customer whose events go to ``partition``."""
    return next(
        key
        for key in map(b"customer-%d".__mod__, range(1000))
        if key_partition(key, partitions) == partition
    )


def main() -> int:
    logging.basicConfig(level=logging.WARNING)
    data_dir = os.environ["TOY_DATA_DIR"]
    settings = toy_settings(
        os.environ["TOY_BOOTSTRAP"],
        os.environ["TOY_PREFIX"],
        data_dir=Path(data_dir) if data_dir else None,
        broker_wait_seconds=float(os.environ.get("TOY_WAIT_SECONDS", "60")),
    )
    worker = KafkaWorker(
        settings, stage=ToyStage(), observer=PrintingObserver(), tick_value=tick_value
    )
    return worker.run()


if __name__ == "__main__":
    sys.exit(main())
