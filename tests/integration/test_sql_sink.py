"""Kafka to PostgreSQL with everything in between killed: each row is there once."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import NewTopic
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    EVENTS,
    OUTLOOKS,
    OUTPUTS,
    PROPOSAL_DEAD_LETTERS,
    PROPOSALS,
    SCORES,
)
from sinks.memory import MemorySink
from sinks.port import SinkGap
from sinks.runner import run_sink
from sinks.sql import tables
from sinks.sql.engine import make_engine
from tests.contract import outbound_samples as samples
from tests.services.kafka import Cluster
from tests.services.postgres import LocalPostgres
from tests.services.process import ServiceProcess, wait_until

PARTITIONS = 3
SECONDS = 120.0
PAUSE_SECONDS = 0.005  # between transactions: the load goes on for as long as the faults do
ROOT = Path(__file__).parents[2]
_LETTERS = {DEAD_LETTERS: EVENTS, PROPOSAL_DEAD_LETTERS: PROPOSALS, ACTION_DEAD_LETTERS: ACTIONS}

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def kafka() -> Iterator[Cluster]:
    """A broker of this module's own: the topics' names are fixed, other tests have them too."""
    with Cluster(1, settings={"group.min.session.timeout.ms": "1000"}) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _topics(kafka: Cluster) -> None:
    """All topics of a sink, empty."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    old = sorted(set(admin.list_topics()) & set(OUTPUTS))
    if old:
        admin.delete_topics(old)
    wait_until(
        lambda: not set(admin.list_topics()) & set(OUTPUTS), seconds=SECONDS, what="topics to go"
    )
    admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in OUTPUTS])
    admin.close()


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """The test's own way into the sinks' database."""
    made = make_engine(postgres_url)
    yield made
    made.dispose()


@dataclass
class Published:
    """What was committed to the log."""

    numbers: dict[str, list[int]] = field(default_factory=dict)
    latest: dict[str, dict[str, int]] = field(default_factory=dict)
    bad: int = 0

    def note(self, topic: str, number: int) -> None:
        self.numbers.setdefault(topic, []).append(number)
        who = customer(number)
        name = f"case-{who}-{number % 5}" if topic == CASES else who
        self.latest.setdefault(topic, {})[name] = number


def customer(number: int) -> str:
    """Whose record it is."""
    return f"c{number % 40}"


def publish(bootstrap: str, *, seed: int, enough: Event) -> Published:
    """Transactions over all topics, about one in five aborted, until ``enough``; the others."""
    chance, published = random.Random(seed), Published()
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"test-{seed}")
    producer.init_transactions()
    number = 0
    while not enough.wait(PAUSE_SECONDS):
        producer.begin_transaction()
        sent: list[tuple[str, int | None]] = []
        for _ in range(chance.randint(1, 20)):
            topic, number = chance.choice(OUTPUTS), number + 1
            who = customer(number)
            key, value = samples.message(topic, who, number)
            bad = chance.random() < 0.02
            partition = int(who[1:]) % PARTITIONS
            producer.send(topic, b"{bad" if bad else value, key=key, partition=partition)
            sent.append((topic, None if bad else number))
        if chance.random() < 0.2:
            producer.abort_transaction()
            continue
        producer.commit_transaction()
        for topic, good in sent:
            if good is None:
                published.bad += 1
            else:
                published.note(topic, good)
    producer.close()
    return published


def log_ends(bootstrap: str) -> dict[tuple[str, int], int]:
    """For each partition the offset after its last committed record, markers left out."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    places = [TopicPartition(topic, n) for topic in OUTPUTS for n in range(PARTITIONS)]
    consumer.assign(places)
    ends, found = consumer.end_offsets(places), {}
    while any(consumer.position(each) < ends[each] for each in places):
        for each, records in consumer.poll(timeout_ms=200).items():
            found[each.topic, each.partition] = records[-1].offset + 1
    consumer.close()
    return found


def sink_process(number: int, *, url: str, bootstrap: str, folder: Path) -> ServiceProcess:
    """A sink, not yet started; all are of one group."""
    command = [sys.executable, "-m", "tests.integration.sink_process", url, bootstrap, "sql"]
    return ServiceProcess(
        command, log=folder / f"sink-{number}.log", environment={"PYTHONPATH": str(ROOT)}
    )


def positions(engine: Engine) -> dict[tuple[str, int], int]:
    """Where the sink stands, as far as the database answers."""
    table = tables.position
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(table.c.topic, table.c.partition, table.c.next_offset))
            return {(topic, number): offset for topic, number, offset in rows}
    except DBAPIError:
        return {}


def assert_each_row_once(engine: Engine, published: Published) -> None:
    """The tables hold what was committed, nothing twice, nothing of what was aborted."""
    t = tables
    wanted = {topic: Counter(numbers) for topic, numbers in published.numbers.items()}
    with engine.connect() as connection:
        events = Counter(connection.execute(select(t.contributions.c.event)).scalars())
        assert events == Counter({f"e{n}": k for n, k in wanted[CONTRIBUTIONS].items()})
        actions = Counter(connection.execute(select(t.actions.c.id)).scalars())
        assert actions == Counter({f"a-{n}": k for n, k in wanted[ACTIONS].items()})
        decided = Counter(connection.execute(select(t.decisions.c.id)).scalars())
        assert decided == Counter({f"d-{n}": k for n, k in wanted[DECISIONS].items()})
        for topic, refused in _LETTERS.items():
            found = select(t.dead_letters.c.offset).where(t.dead_letters.c.topic == refused)
            assert wanted[topic] == Counter(connection.execute(found).scalars())
        checks = Counter(connection.execute(select(t.outlook_checks.c.id)).scalars())
        assert checks == Counter({f"o-{n}": k for n, k in wanted[OUTLOOKS].items()})
        reports = Counter(connection.execute(select(t.campaign_reports.c.id)).scalars())
        assert reports == Counter({f"r-{n}": k for n, k in wanted[CAMPAIGNS].items()})
        scores = connection.execute(select(t.scores.c.customer, t.scores.c.events)).all()
        assert {row.customer: row.events for row in scores} == published.latest[SCORES]
        cases = connection.execute(select(t.cases.c.id, t.cases.c.level)).all()
        assert {row.id: row.level for row in cases} == published.latest[CASES]
        consents = connection.execute(select(t.consents.c.customer, t.consents.c.as_of)).all()
        assert {row.customer: row.as_of for row in consents} == {
            who: samples.consent(who, n).as_of for who, n in published.latest[CONSENTS].items()
        }
        rejects = connection.execute(select(t.sink_rejects.c.value)).scalars().all()
        assert rejects == [b"{bad"] * published.bad


def wait_for_progress(engine: Engine, *, everywhere: bool) -> None:
    """Until rows were written on from here, in every partition or in any."""
    wait_until(lambda: bool(positions(engine)), seconds=SECONDS, what="the database answers")
    before = positions(engine)

    def moved() -> bool:
        now = positions(engine)
        ahead = [now.get(place, 0) > offset for place, offset in before.items()]
        return all(ahead) if everywhere else any(ahead)

    wait_until(moved, seconds=SECONDS, what="progress")


def inject(
    fault: str, sinks: list[ServiceProcess], hit: ServiceProcess, postgres: LocalPostgres
) -> Callable[[], None]:
    """Do it; returns what mends it."""
    if fault == "kill":
        hit.kill()
        return hit.start
    if fault == "kill all":
        for sink in sinks:
            sink.kill()
            sink.start()
    elif fault == "freeze":
        hit.pause()
        return hit.resume
    elif fault == "restart":
        postgres.restart()
    else:
        postgres.crash()
    return lambda: None


@pytest.mark.parametrize("seed", [1])
def test_kills_freezes_and_a_database_restart_lose_and_double_nothing(
    kafka: Cluster, postgres: LocalPostgres, engine: Engine, tmp_path: Path, seed: int
) -> None:
    chance, enough = random.Random(seed), Event()
    url = engine.url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish, kafka.bootstrap, seed=seed, enough=enough)
        sinks = [
            sink_process(n, url=url, bootstrap=kafka.bootstrap, folder=tmp_path) for n in (0, 1)
        ]
        try:
            for sink in sinks:
                sink.start()
            faults = ["kill", "kill", "kill all", "freeze", "freeze", "restart", "crash"]
            for fault in chance.sample(faults, k=len(faults)):
                for _ in range(chance.randint(0, 5)):
                    wait_for_progress(engine, everywhere=False)
                mend = inject(fault, sinks, chance.choice(sinks), postgres)
                # The other takes over all of it: a frozen one wakes and believes to own its part.
                wait_for_progress(engine, everywhere=True)
                mend()
            enough.set()
            published = publishing.result()
            ends = log_ends(kafka.bootstrap)
            wait_until(lambda: positions(engine) == ends, seconds=SECONDS, what="all is written")
            for sink in sinks:
                assert_stops_cleanly(sink)
        finally:
            enough.set()
            for sink in sinks:
                sink.kill()
                print(sink.log_tail())
    assert_each_row_once(engine, published)


def send_decisions(bootstrap: str, numbers: range) -> None:
    """Decisions on partition 0."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for number in numbers:
        key, value = samples.message(DECISIONS, "c1", number)
        producer.send(DECISIONS, value, key=key, partition=0)
    producer.close()


def run_until(sink: MemorySink, bootstrap: str, done: Callable[[], bool]) -> None:
    """Run the sink in a thread until ``done``; raises what it raised."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            run_sink, sink, bootstrap_servers=bootstrap, group_id="memory", stop=stop
        )
        try:
            wait_until(lambda: done() or running.done(), seconds=SECONDS, what="the sink")
        finally:
            stop.set()
        running.result()


def test_group_offsets_that_somebody_moved_do_not_move_the_sink(kafka: Cluster) -> None:
    sink, place = MemorySink(), TopicPartition(DECISIONS, 0)
    send_decisions(kafka.bootstrap, range(10))
    run_until(sink, kafka.bootstrap, lambda: len(sink.decisions) == 10)
    send_decisions(kafka.bootstrap, range(10, 20))
    for offset in (20, 0):  # to the end, to the beginning
        tool = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id="memory")
        tool.assign([place])
        tool.commit({place: OffsetAndMetadata(offset, "", -1)})
        tool.close()
        run_until(sink, kafka.bootstrap, lambda: len(sink.decisions) == 20)
    assert list(sink.decisions) == [(f"d-{n}", "withheld") for n in range(20)]
    assert sink.rejects == []


def test_records_that_retention_deleted_unwritten_are_a_gap(kafka: Cluster) -> None:
    sink = MemorySink()
    send_decisions(kafka.bootstrap, range(5))
    run_until(sink, kafka.bootstrap, lambda: len(sink.decisions) == 5)
    send_decisions(kafka.bootstrap, range(5, 12))
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.delete_records({TopicPartition(DECISIONS, 0): 8})
    admin.close()
    with pytest.raises(SinkGap, match=r"care.decision.v1/0.*at offset 5.*begins at 8"):
        run_until(sink, kafka.bootstrap, lambda: False)
    assert len(sink.decisions) == 5


def assert_stops_cleanly(sink: ServiceProcess) -> None:
    """On SIGTERM, soon."""
    wait_until(lambda: str(sink.pid) in sink.log_tail(), seconds=SECONDS, what="it listens")
    started = time.monotonic()
    sink.stop()
    assert time.monotonic() - started < 10
    assert sink.log_tail().endswith("stopped cleanly")
