"""A running embedded pipeline that tests post to, kill and look into."""

import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.log_reader import LogReader
from pipeline.engine.ports import Record
from pipeline.stages.perceive import PerceiveStage
from tests.chaos.oracle import Oracle
from tests.integration.embedded_app import default_policy
from tests.services.process import ServiceProcess, free_ports, wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


class EmbeddedProcess:
    """``tests.integration.embedded_app`` in a process of its own, on files that outlive it."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder / "touchpoint.db")
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "tests.integration.embedded_app"]
        self._process = ServiceProcess(
            [*command, self.files.state, str(self.port)],
            log=folder / "out",
            environment={"PYTHONPATH": str(ROOT)},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until its lane runs."""
        self._process.start()
        self._process.wait_ready(self.ready, seconds=START_SECONDS, what="the lane to run")

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self._process.stop()

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def post(self, events: list[dict[str, Any]]) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/events", json=events, timeout=30)

    def contributions(self) -> Counter[str]:
        """How often each event was processed."""
        return processed(self.files)

    def wait_processed(self, events: set[str]) -> Counter[str]:
        """Return once all ``events`` were processed, with how often each event was."""
        wait_until(
            lambda: events <= self.contributions().keys(), seconds=60, what="all to be processed"
        )
        return self.contributions()


def processed(files: Files) -> Counter[str]:
    """How often each event was processed."""
    with closing(sqlite3.connect(files.state)) as connection:
        return Counter(row[0] for row in connection.execute("SELECT event FROM contributions"))


def stored_states(files: Files) -> dict[bytes, bytes]:
    with closing(sqlite3.connect(files.state)) as connection:
        return dict(connection.execute("SELECT key, value FROM lane_state"))


def oracle_states(files: Files) -> dict[bytes, bytes]:
    """The states that the pure stage makes of the log, as far as it was worked through."""
    with closing(sqlite3.connect(files.state)) as connection:
        (until,) = connection.execute("SELECT next_offset FROM lane_position").fetchone()
    oracle = Oracle(PerceiveStage(default_policy(), version="test"))
    reader = LogReader(files.log)
    oracle.feed(0, _records(reader), until=until)
    reader.close()
    return oracle.outcome.states


def _records(reader: LogReader) -> Iterator[Record]:
    offset = 0
    while records := reader.read(offset, records=1_000, size=1 << 24):
        yield from records
        offset = records[-1].offset + 1


def transactions(prefix: str, count: int, rng: random.Random) -> list[dict[str, Any]]:
    """``count`` events with ids of their own, for some twenty customers."""
    return [
        {
            "specversion": "1.0",
            "id": f"{prefix}-{index}",
            "source": "/cards",
            "type": "touchpoint.transaction.completed.v1",
            "subject": f"customer-{rng.randrange(20)}",
            "time": f"2026-01-05T09:30:{rng.randrange(60):02d}Z",
            "data": {"amount": rng.randrange(1, 100_000) / 100, "currency": "EUR"},
        }
        for index in range(count)
    ]
