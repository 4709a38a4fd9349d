"""The embedded pipeline is killed with -9: what was answered for is processed, and once."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedLimits
from tests.integration.embedded_app import make_runner
from tests.integration.embedded_crash import PLACES
from tests.integration.embedded_process import (
    ROOT,
    EmbeddedProcess,
    oracle_states,
    processed,
    stored_states,
    transactions,
)
from tests.services.process import wait_until


@pytest.fixture
def running(tmp_path: Path) -> Iterator[EmbeddedProcess]:
    process = EmbeddedProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_death_at_each_step_of_a_commit_loses_and_doubles_nothing(
    tmp_path: Path, place: str
) -> None:
    files = Files(tmp_path / "touchpoint.db")
    command = [sys.executable, "-m", "tests.integration.embedded_crash"]
    died = subprocess.run(
        [*command, files.state, place, "30"], cwd=ROOT, timeout=60, check=False
    ).returncode
    assert died == -signal.SIGKILL
    assert (len(processed(files)) == 30) == (place == "after commit")
    runner = make_runner(files.state, limits=EmbeddedLimits(tick_seconds=3_600))
    runner.start()
    wait_until(lambda: runner.lag_records == 0, seconds=30, what="the lane to catch up")
    runner.stop()
    assert processed(files) == {f"crash-{i}": 1 for i in range(30)}
    assert stored_states(files) == oracle_states(files)


class Publisher(threading.Thread):
    """Posts batches until told to stop; what was not answered with 202 it sends again.

    Every second batch carries an Idempotency-Key; the others rely on source and id.
    """

    def __init__(self, process: EmbeddedProcess, seed: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._rng = random.Random(seed)
        self._name = f"p{seed}"
        self.stopping = threading.Event()
        self.accepted: set[str] = set()
        self.resent = 0

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            size = self._rng.choice((1, 1, 10, 40))
            events = transactions(f"{self._name}-{number}", size, self._rng)
            headers = {"Idempotency-Key": f"{self._name}-{number}"} if number % 2 else {}
            number += 1
            while not self._taken(events, headers):
                self.resent += 1
                time.sleep(0.05)
            self.accepted.update(event["id"] for event in events)

    def _taken(self, events: list[dict[str, object]], headers: dict[str, str]) -> bool:
        url = f"{self._process.url}/v1/events"
        try:
            answer = httpx.post(url, json=events, headers=headers, timeout=10)
        except httpx.TransportError:
            return False
        assert answer.status_code in (202, 429)
        return answer.status_code == 202 and answer.json()["accepted"] == len(events)


@pytest.mark.slow
def test_event_killed_right_after_its_answer_is_scored_exactly_once(
    running: EmbeddedProcess,
) -> None:
    expected: set[str] = set()
    for number in range(3):
        events = transactions(f"round-{number}", 5, random.Random(number))
        assert running.post(events).status_code == 202
        running.kill()
        expected |= {event["id"] for event in events}
        running.start()
    assert running.wait_processed(expected) == dict.fromkeys(expected, 1)


@pytest.mark.slow
def test_kills_under_load_leave_no_gap_and_no_double(running: EmbeddedProcess) -> None:
    rng = random.Random(20260105)
    publishers = [Publisher(running, seed) for seed in (1, 2)]
    for publisher in publishers:
        publisher.start()
    for _ in range(5):
        time.sleep(rng.uniform(0.2, 1.5))  # not for synchronisation: the kill's random moment
        running.kill()
        running.start()
    for publisher in publishers:
        publisher.stopping.set()
    for publisher in publishers:
        publisher.join(timeout=60)
        assert not publisher.is_alive()
    accepted = publishers[0].accepted | publishers[1].accepted
    assert running.wait_processed(accepted) == dict.fromkeys(accepted, 1)
    running.stop()
    assert stored_states(running.files) == oracle_states(running.files)
    assert sum(publisher.resent for publisher in publishers) > 0


@pytest.mark.slow
def test_terminated_politely_it_answers_and_ends(running: EmbeddedProcess) -> None:
    events = transactions("last", 50, random.Random(3))
    assert running.post(events).status_code == 202
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 8
    running.start()
    assert running.wait_processed({event["id"] for event in events})["last-0"] == 1
