"""The engine's benchmark runs: what it says of speed is nobody's test."""

import sys
from pathlib import Path

import pytest

from schemas.topics import CONTRIBUTIONS
from tests.bench.contender import Place
from tests.bench.events import make_events
from tests.bench.filling import fill
from tests.bench.ours import settings_of
from tests.bench.processes import contender
from tests.bench.watching import Seen, Watcher
from tests.services.kafka import Broker

EVENTS = 6_000


@pytest.mark.slow
def test_bench_sees_every_event_of_this_worker_once(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    place = Place(broker.bootstrap, topic_prefix, tmp_path / "ours")
    settings = settings_of(place)
    fill(settings, list(make_events(EVENTS)))
    with contender("ours", place, python=Path(sys.executable)) as process:
        watcher = Watcher(settings, CONTRIBUTIONS, pid=process.pid, broker_pid=broker.process.pid)
        samples = watcher.watch(EVENTS, limit_seconds=60, alive=lambda: process.running)
        seen = watcher.count()
        watcher.close()
    assert seen == Seen(events=EVENTS, doubled=0)
    # Control records take offsets too, so what was visible is at least what was sent.
    assert samples[-1].offset >= EVENTS
