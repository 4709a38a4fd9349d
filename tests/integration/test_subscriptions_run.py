"""Subscribing to a whole pipeline in one process, which is killed in between."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.process import ServiceProcess, free_ports, wait_until
from tests.services.receiver import Reaction, Receiver

COMMAND = Path(sys.executable).with_name("touchpoint")
SECONDS = 60.0


class Pipeline:
    """``touchpoint run`` on a state file."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        state = folder / "state.db"
        command: list[str | Path] = [
            COMMAND,
            "run",
            "--no-dispatch",
            "--db",
            state,
            "--port",
            str(port),
        ]
        self.process = ServiceProcess(command, log=folder / "run.log")
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20.0)

    def start(self) -> None:
        self.process.start()
        self.process.wait_ready(self._answers, seconds=SECONDS, what="the pipeline answers")

    def _answers(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def post(self, path: str, body: object) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(tmp_path)
    made.start()
    yield made
    made.client.close()
    made.process.stop()


@pytest.mark.slow  # a claim of the killed process has to run out
def test_crossings_are_told_though_the_process_is_killed_and_the_receiver_fails(
    pipeline: Pipeline,
) -> None:
    wanted = {"name": "n", "condition": {"below": 100}}
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "specversion": "1.0",
            "id": f"tx-{number}",
            "source": "/cards",
            "type": "touchpoint.transaction.completed.v1",
            "subject": f"c-{number}",
            "time": now,
            "data": {"amount": 12.5, "currency": "EUR"},
        }
        for number in range(5)
    ]
    with Receiver(lambda number, body: Reaction(503, acts=False)) as receiver:
        made = pipeline.post("/v1/subscriptions", wanted | {"url": receiver.url})
        receiver.trust(made["secret"])
        pipeline.post("/v1/events", events)
        wait_until(lambda: len(receiver.seen) == 5, seconds=SECONDS, what="five attempts")
        pipeline.process.kill()
        receiver.behave = lambda number, body: Reaction()
        pipeline.start()
        wait_until(lambda: len(receiver.acted) == 5, seconds=SECONDS, what="five notices")
        bodies = [acted.body for acted in receiver.acted.values()]
    assert sorted(body["customer"] for body in bodies) == [f"c-{number}" for number in range(5)]
    assert {(body["edge"], body["crossing"]) for body in bodies} == {("entered", 1)}
    for body in bodies:
        score = pipeline.client.get(f"/v1/customers/{body['customer']}").json()
        assert {name: score[name] for name in ("score", "band", "as_of", "policy")} == {
            name: body[name] for name in ("score", "band", "as_of", "policy")
        }
