"""Everything once on real Kafka and PostgreSQL, whatever happens to workers, sink and database.

The moments and the faults come from a seed that is printed; ``TOUCHPOINT_CHAOS_SEED`` repeats it
as far as processes can be repeated.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from pipeline.adapters.kafka import topics
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.core.policy.retention import RetentionPolicy
from tests.chaos.feed import Feed, Publishing
from tests.chaos.fleet import COMMAND, Fleet, Program, fleet_of
from tests.chaos.judging import catch_up, judge
from tests.chaos.oracle import compare_rows, rows_of
from tests.chaos.readers import read_rows, score_rows, sink_positions
from tests.services.kafka import Broker
from tests.services.postgres import LocalPostgres
from tests.services.process import wait_until
from tests.unit.events import DEFAULT_POLICY

SEED_VARIABLE = "TOUCHPOINT_CHAOS_SEED"
PARTITIONS = 4
EVENTS_PER_SECOND = 450
LEAST_EVENTS = 20_000
SESSION_SECONDS = 6.0
CATCH_UP_SECONDS = 60.0
HEALED_FIRST = 0.8
"""Share of faults that strike a system at work; the others may strike while it mends."""

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> KafkaSettings:
    settings = KafkaSettings(
        bootstrap=broker.bootstrap,
        prefix=topic_prefix,
        partitions=PARTITIONS,
        replication=1,
        session_timeout_seconds=SESSION_SECONDS,
        heartbeat_seconds=1.0,
    )
    topics.apply(settings)
    return settings


class Faults:
    """What is done to the running system; each at a moment that chance chooses."""

    def __init__(
        self, fleet: Fleet, sink: Program, postgres: LocalPostgres, chance: random.Random
    ) -> None:
        self._fleet = fleet
        self._sink = sink
        self._postgres = postgres
        self._chance = chance
        self._never = Event()
        self.done: list[str] = []

    def all(self) -> None:
        """Every fault at least once in an order of chance, some of them twice."""
        once: list[Callable[[], None]] = [
            self.kill,
            self.kill_and_wipe,
            self.freeze,
            self.hand_over,
            self.kill_sink,
            self.restart_database,
        ]
        plan = [*once, self._chance.choice([self.kill, self.kill_sink, self.hand_over])]
        self._chance.shuffle(plan)
        for fault in plan:
            if self._chance.random() < HEALED_FIRST:
                self._fleet.wait_running(PARTITIONS)
            self.moment(0.2, 3.0)
            self.done.append(fault.__name__)
            fault()

    def moment(self, least: float, most: float) -> None:
        """A while whose length is chance; no test waits for anything by it."""
        self._never.wait(self._chance.uniform(least, most))

    def kill(self) -> None:
        self._fleet.replace(self._chance.choice(self._fleet.workers), wipe=False)

    def kill_and_wipe(self) -> None:
        self._fleet.replace(self._chance.choice(self._fleet.workers), wipe=True)

    def freeze(self) -> None:
        """A worker sleeps beyond its session while another takes over, then wakes as a zombie."""
        zombie = self._fleet.workers[0]
        zombie.wait_running(1)
        heir = self._fleet.add()
        self.moment(0.0, 2.0)
        zombie.pause()
        heir.wait_running(PARTITIONS)
        self.moment(0.0, 1.0)
        zombie.resume()
        self.moment(0.0, 4.0)
        self._fleet.replace(zombie, wipe=False)
        self._stop_oldest()

    def hand_over(self) -> None:
        """A second worker starts, the first is told to stop."""
        self._fleet.add()
        self.moment(0.0, 5.0)
        self._stop_oldest()

    def kill_sink(self) -> None:
        self._sink.kill()
        self._sink.start()

    def restart_database(self) -> None:
        self._chance.choice([self._postgres.restart, self._postgres.crash])()

    def _stop_oldest(self) -> None:
        oldest = self._fleet.workers[0]
        oldest.wait_running(1)
        code = self._fleet.end(oldest)
        assert code == 0, f"{oldest.log.name}: SIGTERM led to exit code {code}"


def start_sink(settings: KafkaSettings, url: str, folder: Path) -> Program:
    where = ["--url", url, "--bootstrap", settings.bootstrap, "--prefix", settings.prefix]
    # The feed's events are of a year that is long past: none of their rows may be too old.
    policy = folder / "sink-policy.yaml"
    kept = "\n".join(f"  {name}: 36500" for name in RetentionPolicy.model_fields)
    policy.write_text(f"{DEFAULT_POLICY}\nretention:\n{kept}\n", encoding="utf-8")
    how = ["--session-seconds", str(int(SESSION_SECONDS)), "--port", "0", "--policy", str(policy)]
    sink = Program([COMMAND, "sink", "sql", *where, *how], log=folder / "sink.log")
    sink.start()
    return sink


def test_everything_once_while_processes_die_freeze_and_move(
    settings: KafkaSettings, postgres: LocalPostgres, postgres_url: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    print(f"{SEED_VARIABLE}={seed}")
    began = monotonic()
    feed = Feed(seed)
    with fleet_of(settings, tmp_path) as fleet:
        sink = start_sink(settings, postgres_url, tmp_path)
        try:
            fleet.add().wait_running(PARTITIONS)
            faults = Faults(fleet, sink, postgres, random.Random(seed))
            with Publishing(settings, feed, per_second=EVENTS_PER_SECOND) as publishing:
                faults.all()
                wait_until(
                    lambda: publishing.has_sent(LEAST_EVENTS), seconds=90, what="enough events"
                )
            print(f"faults: {', '.join(faults.done)}; {monotonic() - began:.0f} s")
            catch_up(settings, seconds=CATCH_UP_SECONDS)
            assert {fleet.end(worker) for worker in [*fleet.workers]} == {0}
            print(f"caught up and stopped: {monotonic() - began:.0f} s")
            judged = judge(settings, feed)
            wait_until(
                lambda: sink_positions(postgres_url, settings.prefix) == judged.ends,
                seconds=CATCH_UP_SECONDS,
                what=f"the sink at {judged.ends}",
            )
            expected = rows_of(judged.outcome, score_rows(judged.outcome))
            assert compare_rows(expected, read_rows(postgres_url)) == []
            assert sink.end() == 0
        finally:
            sink.kill()
    print(f"{publishing.sent} sent, {judged}, {monotonic() - began:.0f} s")
