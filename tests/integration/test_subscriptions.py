"""Notices against receivers that fail, hang and repeat: each acted on once, none lost."""

import asyncio
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from pipeline.adapters.beside import wait_for
from pipeline.adapters.dispatch.outlet import Limits, Outlet
from pipeline.adapters.dispatch.port import SYSTEM_CLOCK
from pipeline.adapters.dispatch.webhook import WebhookChannel
from pipeline.adapters.subscriptions.follower import Follower
from pipeline.adapters.subscriptions.sender import Note, NoticeChannel, Sender
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.subscriptions import make_subscriptions, telling
from schemas.deliveries import Target
from schemas.subscriptions import Delivery, DeliveryStatus, NewSubscription
from sinks.sql.deliveries import SqlDeliveries
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.subscriptions import SqlSubscriptions
from tests.contract.scoring import Scores, a_score, notices, subscription
from tests.services.process import ServiceProcess, free_ports, wait_until
from tests.services.receiver import SECRET, Reaction, Receiver, misbehaving

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
QUICK = Limits(
    concurrency=8,
    queue=64,
    max_attempts=50,
    max_age_seconds=600.0,
    first_backoff_seconds=0.02,
    longest_backoff_seconds=0.2,
    circuit_first_seconds=0.05,
    circuit_longest_seconds=0.2,
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = make_engine(url)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Receiver())


class World:
    """Subscriptions whose notices wait to be sent."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.scores = Scores(engine)
        self.store = SqlSubscriptions(engine)
        self.log = SqlDeliveries(engine)
        self.now = SYSTEM_CLOCK.now

    def subscribe(self, name: str, url: str) -> None:
        self.store.add(subscription(name, url=url), SECRET, start="0", told=None)

    def crossings(self, count: int, *, begin: int = 0) -> None:
        """So many customers come to match."""
        self.scores.write([a_score(f"c-{n}", 40.0) for n in range(begin, begin + count)])
        follower = Follower(self.store, self.scores, now=self.now)
        while follower.step():
            pass

    def sender(self, limits: Limits = QUICK, *, claim_seconds: float = 30.0) -> Sender:
        def outlet(target: Target) -> Outlet[Note]:
            webhook = WebhookChannel(
                target.url, target.secret, timeout_seconds=0.5, clock=SYSTEM_CLOCK
            )
            return Outlet(
                target.subscription,
                NoticeChannel(webhook),
                limits,
                clock=SYSTEM_CLOCK,
                chance=random.Random(7),
            )

        return Sender(self.log, outlet, clock=SYSTEM_CLOCK, claim_seconds=claim_seconds)

    def send(self, until: Callable[[], bool], sender: Callable[[], Sender] | None = None) -> None:
        """Send until a condition holds, then end in good order."""

        async def work() -> None:
            sending = (sender or self.sender)()
            deadline = SYSTEM_CLOCK.monotonic() + SECONDS
            try:
                while not until():
                    assert SYSTEM_CLOCK.monotonic() < deadline, "it takes too long"
                    await sending.step()
                    await wait_for(sending.news, 0.02)
            finally:
                await sending.close()

        asyncio.run(work())

    def deliveries(self, of: str) -> list[Delivery]:
        return self.log.deliveries(of, 1_000, status=None, before=None).items

    def count(self, of: str, status: DeliveryStatus) -> int:
        return sum(each.status == status for each in self.deliveries(of))


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def test_each_notice_is_acted_on_once_though_its_receiver_misbehaves(
    world: World, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    receiver.behave = misbehaving(
        random.Random(11),
        [
            (16, Reaction()),
            (2, Reaction(500)),  # acts, and says it failed
            (2, Reaction(503, acts=False, retry_after="0")),
            (2, Reaction(429, acts=False)),
            (1, Reaction(hangs=True)),  # acts, and says nothing
        ],
    )
    world.subscribe("s-1", receiver.url)
    world.crossings(80)
    world.send(lambda: world.count("s-1", "done") == 80)
    kept = {notice.id: notice for notice in notices(world.engine)}
    assert receiver.acted.keys() == kept.keys()
    assert receiver.forged == 0
    assert sum(receiver.seen.values()) > 80  # some came again, with the same id
    for identity, acted in receiver.acted.items():
        assert acted.body["id"] == identity
        assert acted.body["customer"] == kept[identity].customer
        assert acted.body["edge"] == "entered"


def test_one_that_hangs_delays_no_other(world: World, receivers: Callable[[], Receiver]) -> None:
    slow, quick = receivers(), receivers()
    slow.behave = lambda number, body: Reaction(acts=False, hangs=True)
    world.subscribe("slow", slow.url)
    world.subscribe("quick", quick.url)
    world.crossings(40)
    world.send(lambda: world.count("quick", "done") == 40 and bool(slow.seen))
    assert len(quick.acted) == 40
    assert world.count("slow", "waiting") == 40
    slow.behave = lambda number, body: Reaction()
    world.send(lambda: world.count("slow", "done") == 40)
    assert len(slow.acted) == 40
    assert set(quick.seen.values()) == {1}


def test_one_that_is_down_is_left_alone_and_gets_everything_once_it_is_back(world: World) -> None:
    (port,) = free_ports(1)
    world.subscribe("s-1", f"http://127.0.0.1:{port}/actions")
    world.crossings(30)
    world.send(lambda: any(each.attempts for each in world.deliveries("s-1")))
    tried = [each for each in world.deliveries("s-1") if each.attempts]
    assert {each.last_detail for each in tried} == {"cannot connect: ConnectionRefusedError"}
    with Receiver(port=port) as receiver:
        world.send(lambda: world.count("s-1", "done") == 30)
        assert len(receiver.acted) == 30


def test_what_a_killed_sender_had_claimed_is_sent_again(
    world: World, receivers: Callable[[], Receiver], tmp_path: Path
) -> None:
    receiver = receivers()
    receiver.behave = lambda number, body: Reaction(hangs=True)  # acts; the answer never comes
    world.subscribe("s-1", receiver.url)
    world.crossings(5)

    url = world.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.integration.subscription_process", url, "2"]
    process = ServiceProcess(
        command, log=tmp_path / "sender.log", environment={"PYTHONPATH": str(ROOT)}
    )
    process.start()
    try:
        wait_until(lambda: len(receiver.acted) == 5, seconds=SECONDS, what="five attempts")
    finally:
        process.kill()
    assert world.count("s-1", "waiting") == 5
    before = receiver.seen.copy()
    receiver.behave = lambda number, body: Reaction()
    world.send(lambda: world.count("s-1", "done") == 5)
    assert all(receiver.seen[identity] > times for identity, times in before.items())
    assert len(receiver.acted) == 5


def test_what_is_given_up_can_be_sent_again(
    world: World, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    receiver.behave = lambda number, body: Reaction(
        400 if body["customer"] == "c-0" else 503, acts=False
    )
    world.subscribe("s-1", receiver.url)
    world.crossings(3)
    patient = QUICK._replace(max_attempts=3, circuit_failures=1_000)
    world.send(lambda: world.count("s-1", "failed") == 3, lambda: world.sender(patient))
    told = {each.customer: (each.attempts, each.last_detail) for each in world.deliveries("s-1")}
    assert told == {
        "c-0": (1, "HTTP 400"),
        "c-1": (3, "HTTP 503; 3 attempts"),
        "c-2": (3, "HTTP 503; 3 attempts"),
    }
    receiver.behave = lambda number, body: Reaction()
    failed = {each.customer: each.id for each in world.deliveries("s-1")}
    world.log.redeliver(failed["c-1"], world.now())
    world.send(lambda: world.count("s-1", "done") == 1)
    assert receiver.acted.keys() == {failed["c-1"]}
    assert world.count("s-1", "failed") == 2


def test_what_is_too_old_is_given_up(world: World, receivers: Callable[[], Receiver]) -> None:
    receiver = receivers()
    receiver.behave = lambda number, body: Reaction(503, acts=False, retry_after="20")
    world.subscribe("s-1", receiver.url)
    world.crossings(1)
    hasty = QUICK._replace(max_age_seconds=15.0)
    world.send(lambda: world.count("s-1", "failed") == 1, lambda: world.sender(hasty))
    (delivery,) = world.deliveries("s-1")
    assert delivery.last_detail == "HTTP 503; not within 15 s"
    assert delivery.settled_at is not None
    assert datetime.now(UTC) - delivery.settled_at < timedelta(seconds=SECONDS)


def test_from_a_changed_score_to_the_receiver_beside_a_server(
    engine: Engine, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    scores, metrics = Scores(engine), Metrics(CollectorRegistry())
    made = make_subscriptions(engine, scores, metrics, limits=QUICK)
    wanted = {"name": "n", "url": receiver.url, "condition": {"below": 50}}
    subscribed = made.desk.subscribe(NewSubscription.model_validate(wanted))
    receiver.trust(subscribed.secret)
    with telling(made):
        scores.change("ann", 40.0)
        scores.change("bob", 40.0)
        scores.change("ann", 60.0)
        wait_until(lambda: len(receiver.acted) == 3, seconds=SECONDS, what="three notices")
        assert made.work.condition().ready
    bodies = [acted.body for acted in receiver.acted.values()]
    assert sorted((b["customer"], b["crossing"], b["edge"]) for b in bodies) == [
        ("ann", 1, "entered"),
        ("ann", 2, "left"),
        ("bob", 1, "entered"),
    ]
    page = made.desk.deliveries(subscribed.subscription.id, 9, status="done", before=None)
    assert len(page.items) == 3  # what was under way when it stopped was written down
    assert metrics.registry.get_sample_value("touchpoint_notices_total", {"edge": "left"}) == 1
    done = {"result": "done"}
    assert metrics.registry.get_sample_value("touchpoint_notice_attempts_total", done) == 3
