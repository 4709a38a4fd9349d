"""A disk that takes no more: 503, the process stays alive, and goes on when there is room."""

import random
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.embedded_process import EmbeddedProcess, transactions
from tests.services.process import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits another process's file size"),
]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[EmbeddedProcess]:
    process = EmbeddedProcess(tmp_path)
    process.start()
    yield process
    process.kill()


def _limit_files(process: EmbeddedProcess, most_bytes: int) -> None:
    """Let no file of the process grow beyond ``most_bytes``: to it, the disk is full."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def test_disk_that_takes_no_more_is_503_until_it_does(running: EmbeddedProcess) -> None:
    first, lost, last = (transactions(name, 5, random.Random(name)) for name in "abc")
    assert running.post(first).status_code == 202
    running.wait_processed({event["id"] for event in first})

    _limit_files(running, 1)
    answer = running.post(lost)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["type"] == "urn:touchpoint:problem:unavailable"
    assert httpx.get(f"{running.url}/livez").status_code == 200
    wait_until(lambda: not running.ready(), seconds=10, what="it to say that it is not ready")
    conditions = httpx.get(f"{running.url}/readyz").json()["conditions"]
    assert [each["name"] for each in conditions if not each["ready"]][:1] == ["log"]
    customer = first[0]["subject"]
    assert httpx.get(f"{running.url}/v1/customers/{customer}").status_code == 200

    resource.prlimit(
        running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    wait_until(running.ready, seconds=30, what="it to be ready again")
    assert running.post(lost).status_code == 202
    assert running.post(last).status_code == 202
    expected = {event["id"] for event in [*first, *lost, *last]}
    assert running.wait_processed(expected) == dict.fromkeys(expected, 1)
