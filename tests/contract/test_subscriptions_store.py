"""Subscriptions and deliveries keep what they are told, the same on each database."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.adapters.subscriptions.follower import Follower
from pipeline.adapters.subscriptions.rules import cross, matches, reading_of
from schemas.deliveries import Claim, Outcome
from schemas.perception import Band, Score
from schemas.subscriptions import Delivery, DeliveryStatus, NewSubscription, ScoreCondition
from sinks.sql.deliveries import SqlDeliveries
from sinks.sql.subscription_tables import deliveries as deliveries_table
from sinks.sql.subscriptions import SqlSubscriptions
from tests.contract.scoring import NOW, Scores, a_score, notices, soon, subscription, told
from tests.contract.sink_rigs import CrashError, SqlRig


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlRig]:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = SqlRig(url)
    yield made
    made.close()


@pytest.fixture
def engine(rig: SqlRig) -> Engine:
    return rig.engine


class World:
    """Everything that follows, over one database; ``now`` may be set."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.scores = Scores(engine)
        self.store = SqlSubscriptions(engine)
        self.log = SqlDeliveries(engine)
        self.desk = SubscriptionDesk(self.store, self.log, self.scores, now=lambda: self.now)
        self.follower = self.another()

    def another(self, batch: int = 3) -> Follower:
        return Follower(self.store, self.scores, now=lambda: self.now, batch=batch)

    def follow(self) -> None:
        while self.follower.step():
            pass

    def subscribe(self, *, backfill: bool = False, **condition: object) -> str:
        wanted = {
            "name": "at risk",
            "url": "https://crm.example/",
            "condition": condition or {"below": 50},
            "backfill": backfill,
        }
        return self.desk.subscribe(NewSubscription.model_validate(wanted)).subscription.id

    def all(self, of: str, **asked: object) -> list[Delivery]:
        options: dict[str, object] = {"status": None, "before": None, **asked}
        return self.log.deliveries(of, 100, **options).items  # type: ignore[arg-type]


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def test_a_subscription_reads_as_it_was_made_and_its_secret_is_a_real_one(world: World) -> None:
    wanted = NewSubscription.model_validate(
        {
            "name": "at risk",
            "url": "https://crm.example/",
            "condition": {"below": 50, "above": 1.5, "bands": ["failing"], "tiers": ["gold"]},
        }
    )
    made = world.desk.subscribe(wanted)
    assert made.subscription.condition == ScoreCondition(
        below=50.0, above=1.5, bands=("failing",), tiers=("gold",)
    )
    assert world.desk.get(made.subscription.id) == made.subscription
    assert world.desk.all() == [made.subscription]
    target = world.log.target(made.subscription.id)
    assert target is not None
    assert (target.url, target.secret) == ("https://crm.example/", made.secret)
    assert made.secret.startswith("whsec_")
    other = world.desk.subscribe(wanted)
    assert other.secret != made.secret
    assert [each.id for each in world.desk.all()] == [made.subscription.id, other.subscription.id]


def test_each_crossing_is_kept_once_in_its_order(world: World) -> None:
    one = world.subscribe()
    for value in (60.0, 40.0, 30.0, 70.0, 20.0):
        world.scores.change("ann", value)
    world.scores.change("bob", 10.0)
    world.follow()
    assert told(world.engine) == [
        (one, "ann", "entered", 1),
        (one, "ann", "left", 2),
        (one, "ann", "entered", 3),
        (one, "bob", "entered", 1),
    ]
    assert [n.score for n in notices(world.engine)] == [40.0, 70.0, 20.0, 10.0]
    world.follow()
    assert len(told(world.engine)) == 4


def test_who_matches_already_is_told_of_only_if_asked(world: World) -> None:
    for number in range(7):
        world.scores.change(f"low-{number}", 40.0)
        world.scores.change(f"high-{number}", 60.0)
    silent = world.subscribe()
    assert told(world.engine) == []
    loud = world.subscribe(backfill=True)
    assert told(world.engine) == [(loud, f"low-{n}", "entered", 1) for n in range(7)]
    world.scores.change("low-3", 45.0)  # matches as before
    world.scores.change("low-4", 55.0)
    world.follow()
    assert told(world.engine)[7:] == [(silent, "low-4", "left", 2), (loud, "low-4", "left", 2)]


def test_more_than_fit_into_one_statement_are_told_of(world: World) -> None:
    world.scores.write([a_score(f"c-{number:04}", 40.0) for number in range(1_203)])
    loud = world.subscribe(backfill=True)
    assert {each[1] for each in told(world.engine)} == {f"c-{number:04}" for number in range(1_203)}
    assert len(world.log.claim(loud, NOW, until=soon(30), limit=2_000)) == 1_203


def test_what_a_paused_subscription_missed_it_is_told_when_it_goes_on(world: World) -> None:
    one = world.subscribe()
    world.scores.change("ann", 40.0)
    world.follow()
    paused = world.desk.set_active(one, False)
    assert paused is not None
    assert not paused.active
    world.scores.change("ann", 60.0)
    world.scores.change("bob", 40.0)
    world.scores.change("eve", 40.0)
    world.scores.change("eve", 60.0)
    world.follow()
    assert told(world.engine) == [(one, "ann", "entered", 1)]
    world.desk.set_active(one, True)
    missed = [(one, "ann", "left", 2), (one, "bob", "entered", 1)]
    assert told(world.engine)[1:] == missed
    world.desk.set_active(one, True)
    world.follow()
    assert told(world.engine)[1:] == missed
    world.scores.change("bob", 60.0)
    world.follow()
    assert told(world.engine)[3:] == [(one, "bob", "left", 2)]


def test_nothing_is_followed_for_nobody_and_no_change_is_missed_by_the_next(world: World) -> None:
    world.scores.change("ann", 40.0)
    assert world.store.turn() is None
    world.follow()
    one = world.subscribe()
    world.desk.set_active(one, False)
    assert world.store.turn() is None
    world.scores.change("ann", 60.0)
    two = world.subscribe()
    world.scores.change("ann", 40.0)
    world.follow()
    assert told(world.engine) == [(two, "ann", "entered", 1)]


def test_a_step_that_was_overtaken_changes_nothing(world: World) -> None:
    world.subscribe()
    turn = world.store.turn()
    assert turn is not None
    world.subscribe()  # from now on there are two, who were not compared
    with world.store.advance(turn, "9") as step:
        assert step is None
    assert world.store.turn() == (turn.number + 1, turn.cursor)


def test_a_removed_subscription_is_gone_with_its_deliveries(world: World) -> None:
    one, two = world.subscribe(), world.subscribe()
    world.scores.change("ann", 40.0)
    world.follow()
    assert world.desk.remove(one)
    assert not world.desk.remove(one)
    assert world.desk.get(one) is None
    assert world.log.target(one) is None
    assert [each[0] for each in told(world.engine)] == [two]
    world.scores.change("ann", 60.0)
    world.follow()
    assert [each[0] for each in told(world.engine)] == [two, two]


def test_a_crash_at_any_step_loses_no_crossing_and_doubles_none(rig: SqlRig) -> None:
    world = World(rig.engine)
    one = world.subscribe()
    crashes = 0
    for at in range(8):
        customer = f"c-{at}"
        world.scores.change(customer, 40.0)
        with rig.crashing(at):
            try:
                world.another().step()
            except CrashError:
                crashes += 1
        world.another().step()
    assert crashes >= 5  # reads, the cursor, standings, notices and the commit
    assert told(rig.engine) == [(one, f"c-{at}", "entered", 1) for at in range(8)]


def test_two_who_follow_at_once_keep_each_crossing_once(world: World) -> None:
    one = world.subscribe()
    expected = []
    for number in range(60):
        customer, value = f"c-{number % 7}", 40.0 if number // 7 % 2 == 0 else 60.0
        world.scores.change(customer, value)
        expected.append((one, customer, "entered" if value < 50 else "left", number // 7 + 1))
    start, wrong = Barrier(2), []

    def follow() -> None:
        follower = world.another(batch=2)
        start.wait(10)
        try:
            while follower.step():
                pass
        except Exception as error:  # noqa: BLE001 - to be seen by the test
            wrong.append(error)

    threads = [Thread(target=follow, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert sorted(told(world.engine)) == sorted(expected)
    assert len({notice.id for notice in notices(world.engine)}) == 60


a_condition = st.builds(
    lambda below, above, bands, tiers, confidence: ScoreCondition(
        below=below, above=above, bands=tuple(bands), tiers=tuple(tiers), min_confidence=confidence
    ),
    st.sampled_from([None, 50.0, 100.0]),
    st.sampled_from([None, 0.0, 30.0]),
    st.sets(st.sampled_from(get_args(Band)), max_size=3),
    st.sets(st.sampled_from(["gold", "ordinary"])),
    st.sampled_from([0.0, 0.1 + 0.2, 0.31]),
)


def _every_kind_of_score() -> list[Score]:
    kinds = [
        (value, band, tier, gone)
        for value in (0.0, 30.0, 40.0, 50.0, 100.0)
        for band in get_args(Band)
        for tier in ("gold", "ordinary")
        for gone in (None, "other")
    ]
    return [
        a_score(f"c-{number:03}", value, band=band, tier=tier, merged_into=gone)
        for number, (value, band, tier, gone) in enumerate(kinds)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(a_condition)
def test_the_database_finds_the_same_matches_as_the_rule(
    engine: Engine, condition: ScoreCondition
) -> None:
    world, every = World(engine), _every_kind_of_score()
    world.scores.write(every)
    for each in world.store.all():
        world.store.remove(each.id)
    made = subscription(condition=condition)

    def told_by(row: object, before: object) -> object:
        return cross("s-1", reading_of(row), before)  # type: ignore[arg-type]

    world.store.add(made, "whsec_", start="0", told=told_by)  # type: ignore[arg-type]
    expected = [
        each.customer for each in every if matches(condition, reading_of(msgspec.to_builtins(each)))
    ]
    assert [each.customer for each in notices(engine)] == expected
    assert [reading_of(msgspec.to_builtins(n)) for n in notices(engine)] == [
        reading_of(msgspec.to_builtins(each)) for each in every if each.customer in expected
    ]
    silent = subscription("s-2", condition=condition)
    world.store.add(silent, "whsec_", start="0", told=None)
    world.store.set_active("s-2", True, now=NOW, start="0", told=told_by)  # type: ignore[arg-type]
    assert len(notices(engine)) == len(expected)


def settle(world: World, claim: Claim, status: DeliveryStatus, **changes: object) -> None:
    values: dict[str, object] = {"attempts": claim.attempts + 1, "at": world.now, **changes}
    world.log.settle([Outcome(claim, status, **values)])  # type: ignore[arg-type]


def waiting_notices(world: World, count: int) -> str:
    one = world.subscribe()
    world.scores.write([a_score(f"c-{number}", 40.0) for number in range(count)])
    world.follow()
    return one


def test_a_claim_is_one_senders_until_it_runs_out(world: World) -> None:
    one = waiting_notices(world, 3)
    assert world.log.due(soon(-1)) == []
    assert world.log.due(NOW) == [one]
    first = world.log.claim(one, NOW, until=soon(30), limit=2)
    second = world.log.claim(one, NOW, until=soon(30), limit=2)
    assert [claim.id for claim in (*first, *second)] == [n.id for n in notices(world.engine)]
    assert world.log.due(soon(29)) == []
    assert world.log.claim(one, soon(29), until=soon(60), limit=9) == []
    again = world.log.claim(one, soon(30), until=soon(60), limit=9)
    assert [(c.id, c.body) for c in again] == [(c.id, c.body) for c in (*first, *second)]


def test_what_a_late_sender_says_counts_only_if_it_was_taken(world: World) -> None:
    one = waiting_notices(world, 2)
    late = world.log.claim(one, NOW, until=soon(30), limit=2)
    world.log.claim(one, soon(30), until=soon(60), limit=2)
    settle(world, late[0], "failed", detail="HTTP 400")
    settle(world, late[1], "done")
    assert {d.id: d.status for d in world.all(one)} == {late[0].id: "waiting", late[1].id: "done"}


def test_what_was_done_is_not_undone_by_another(world: World) -> None:
    one = waiting_notices(world, 1)
    (late,) = world.log.claim(one, NOW, until=soon(30), limit=2)
    (claim,) = world.log.claim(one, soon(30), until=soon(60), limit=2)
    settle(world, late, "done")
    settle(world, claim, "failed", detail="HTTP 400")
    assert [d.status for d in world.all(one)] == ["done"]


def test_what_is_to_be_tried_again_is_due_at_its_time_and_tells_why(world: World) -> None:
    one = waiting_notices(world, 1)
    (claim,) = world.log.claim(one, NOW, until=soon(30), limit=1)
    settle(world, claim, "waiting", next_at=soon(7), detail="HTTP 503")
    assert world.log.due(soon(6)) == []
    (again,) = world.log.claim(one, soon(7), until=soon(30), limit=1)
    assert (again.attempts, again.since) == (1, NOW)
    (delivery,) = world.all(one)
    assert (delivery.attempts, delivery.last_detail) == (1, "HTTP 503")


def test_a_paused_subscription_has_nothing_due(world: World) -> None:
    one = waiting_notices(world, 1)
    world.desk.set_active(one, False)
    assert world.log.due(NOW) == []
    world.desk.set_active(one, True)
    assert world.log.due(NOW) == [one]


@pytest.mark.parametrize("status", ["failed", "done"])
def test_a_delivery_can_be_sent_again_with_its_id_and_body(
    world: World, status: DeliveryStatus
) -> None:
    one = waiting_notices(world, 1)
    (claim,) = world.log.claim(one, NOW, until=soon(30), limit=1)
    settle(world, claim, status, detail="HTTP 400")
    assert world.log.due(soon(999)) == []
    world.now = soon(1_000)
    again = world.desk.redeliver(claim.id)
    assert again is not None
    assert (again.status, again.attempts, again.settled_at) == ("waiting", 0, None)
    (second,) = world.log.claim(one, world.now, until=soon(1_030), limit=1)
    assert (second.id, second.body, second.since) == (claim.id, claim.body, world.now)
    assert world.desk.redeliver("nothing") is None


def test_one_that_is_being_sent_is_left_to_that_attempt(world: World) -> None:
    one = waiting_notices(world, 1)
    (claim,) = world.log.claim(one, NOW, until=soon(30), limit=1)
    world.desk.redeliver(claim.id)
    assert world.log.claim(one, NOW, until=soon(30), limit=1) == []
    settle(world, claim, "done")
    assert [d.status for d in world.all(one)] == ["done"]


def test_pages_show_each_delivery_once_newest_first(world: World) -> None:
    one = waiting_notices(world, 11)
    claims = world.log.claim(one, NOW, until=soon(30), limit=4)
    for claim in claims:
        settle(world, claim, "done")
    ids = [n.id for n in reversed(notices(world.engine))]
    for status, expected in (
        (None, ids),
        ("done", [i for i in ids if i in {c.id for c in claims}]),
        ("failed", []),
    ):
        shown, before = [], None
        while True:
            page = world.log.deliveries(one, 3, status=status, before=before)  # type: ignore[arg-type]
            shown += [delivery.id for delivery in page.items]
            before = page.next
            if before is None:
                break
        assert shown == expected


@pytest.mark.parametrize("cursor", ["", "x", "\u00e9", "====", "MjAyNg", "A" * 5_000])
def test_a_cursor_that_no_page_gave_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(ValueError, match="page"):
        world.log.deliveries("s", 5, status=None, before=cursor)


def test_old_deliveries_are_forgotten_and_open_ones_never(world: World) -> None:
    one = waiting_notices(world, 4)
    claims = world.log.claim(one, NOW, until=soon(30), limit=3)
    for number, claim in enumerate(claims):
        settle(world, claim, "done", at=soon(number))
    assert world.log.forget(soon(2), 1) == 1
    assert world.log.forget(soon(2), 9) == 1
    assert world.log.forget(soon(2), 9) == 0
    assert len(world.all(one)) == 2


def test_a_test_notice_is_a_delivery_marked_as_one(world: World) -> None:
    one = world.subscribe()
    identity = world.desk.try_out(one)
    (notice,) = notices(world.engine)
    assert (notice.id, notice.test, notice.crossing) == (identity, True, 0)
    assert world.log.due(NOW) == [one]
    assert world.desk.try_out("nothing") is None


def test_a_claim_passes_over_what_another_has_locked(world: World) -> None:
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: who claims waits for it")
    one = waiting_notices(world, 3)
    table = deliveries_table
    with world.engine.begin() as connection:
        first = connection.execute(select(table.c.seq).order_by(table.c.seq).limit(1)).scalar_one()
        connection.execute(update(table).where(table.c.seq == first).values(last_detail="locked"))
        others = world.log.claim(one, NOW, until=soon(30), limit=9)
    assert len(others) == 2
