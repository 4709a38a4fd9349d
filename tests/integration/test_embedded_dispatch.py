"""Dispatch beside the embedded pipeline: rows are carried out once and told to the log."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from pipeline.adapters.dispatch.config import default_channels
from pipeline.adapters.dispatch.dispatcher import Dispatcher
from pipeline.adapters.dispatch.ends import Parked, Progress
from pipeline.adapters.dispatch.settled import SettledEvent
from pipeline.adapters.embedded.dispatch import (
    EmbeddedConsents,
    EmbeddedDispatch,
    EmbeddedOrders,
)
from pipeline.adapters.embedded.dispatch_store import DispatchStore
from pipeline.adapters.http.ports import Unavailable
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.common import read_policy
from pipeline.bootstrap.dispatch import make_dispatcher
from schemas.care import CareAction, Consent
from schemas.topics import ACTIONS
from sinks.sql.engine import make_engine
from sinks.sql.follow import ActionRow, Follower
from sinks.sql.migrations import upgrade
from sinks.sql.orders import OrderBook
from sinks.sql.rows import write_outputs
from tests.integration.dispatch_process import fresh_action
from tests.services.process import wait_until


class World:
    """A state file, a log that may be down, and dispatch between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[SettledEvent] = []
        self.log_is_down = False
        self.consents: dict[str, Consent] = {}
        self.engine: Engine = make_engine(f"sqlite:///{folder / 't.db'}")
        upgrade(self.engine)
        self.rows = Follower(self.engine)
        self.orders = OrderBook(self.engine)

    @property
    def sent(self) -> list[str]:
        path = self.folder / "sent.jsonl"
        if not path.exists():
            return []
        return [json.loads(line)["id"] for line in path.read_text().splitlines()]

    @property
    def told(self) -> list[str]:
        """Ids of the actions in the log, with repetitions."""
        return [json.loads(e.value)["data"].get("about", "") for e in self.log]

    def decide(self, *actions: CareAction) -> None:
        with self.engine.begin() as connection:
            write_outputs(
                connection,
                [(ACTIONS, a.customer.encode(), msgspec.json.encode(a)) for a in actions],
            )

    def dispatch(self) -> EmbeddedDispatch:
        return EmbeddedDispatch(
            self.folder / "t.db.dispatch",
            dispatcher=self._dispatcher(),
            rows=self.rows,
            append=self._append,
        )

    def _dispatcher(self) -> Dispatcher:
        channels = default_channels(self.folder / "sent.jsonl")
        consents = EmbeddedConsents(self.consents.get)
        orders = EmbeddedOrders(self.orders.of_action)
        metrics = Metrics(CollectorRegistry())
        return make_dispatcher(channels, read_policy(None), consents, orders, metrics=metrics)

    async def _append(self, event: SettledEvent) -> None:
        await asyncio.sleep(0)
        if self.log_is_down:
            raise Unavailable("the log cannot be written", retry_after_seconds=0.1)
        self.log.append(event)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def run_until(dispatch: EmbeddedDispatch, condition: Callable[[], bool], what: str) -> None:
    dispatch.start()
    try:
        wait_until(condition, seconds=30, what=what)
    finally:
        dispatch.stop()


def test_actions_are_carried_out_once_over_restarts_and_told(world: World) -> None:
    world.decide(*(fresh_action(n) for n in range(200)))
    run_until(world.dispatch(), lambda: len(world.log) >= 80, "some told")
    world.decide(*(fresh_action(n) for n in range(200, 220)))
    run_until(world.dispatch(), lambda: len(world.log) >= 220, "all told")
    every = {f"a-{n}" for n in range(220)}
    assert sorted(world.sent) == sorted(every)
    assert set(world.told) == every
    with closing(DispatchStore(world.folder / "t.db.dispatch")) as store:
        assert store.open_actions() == 0


def test_what_was_done_is_told_once_the_log_can_be_written(world: World) -> None:
    world.log_is_down = True
    world.decide(fresh_action(0), fresh_action(1))
    run_until(world.dispatch(), lambda: len(world.sent) == 2, "two sent")
    assert world.log == []
    world.log_is_down = False
    run_until(world.dispatch(), lambda: len(world.log) >= 2, "two told")
    assert sorted(world.told) == ["a-0", "a-1"]
    assert sorted(world.sent) == ["a-0", "a-1"]  # its channel knows the ids


def test_a_state_file_made_anew_repeats_nothing(world: World) -> None:
    world.decide(*(fresh_action(n) for n in range(10)))
    run_until(world.dispatch(), lambda: len(world.log) == 10, "ten told")
    with world.engine.begin() as connection:  # the same actions, numbered in another order
        connection.exec_driver_sql("DELETE FROM actions")
    world.decide(*(fresh_action(n) for n in reversed(range(12))))
    run_until(world.dispatch(), lambda: len(world.log) >= 12, "two more told")
    assert sorted(world.told) == sorted(f"a-{n}" for n in range(12))


def test_who_opted_out_gets_nothing_and_unknown_consent_holds_all(world: World) -> None:
    world.consents["customer-1"] = Consent(
        customer="customer-1", denied=("sms:service",), alerts=True, as_of=datetime.now(UTC)
    )
    world.decide(fresh_action(1), fresh_action(2))
    run_until(world.dispatch(), lambda: len(world.log) == 2, "two told")
    assert world.sent == ["a-2"]
    results = {json.loads(e.value)["data"].get("result") for e in world.log}
    assert results == {"suppressed", None}


def test_what_is_put_off_comes_again_when_it_is_due(world: World) -> None:
    with closing(DispatchStore(world.folder / "t.db.dispatch")) as store:
        now = datetime.now(UTC)
        first, second = fresh_action(1), fresh_action(2)
        store.take(
            [ActionRow(n, a.id, msgspec.json.encode(a)) for n, a in enumerate((first, second), 1)]
        )
        progress = Progress(attempts=3, failure="HTTP 503")
        store.park("a-1", Parked(now + timedelta(hours=1), progress, "backoff"))
        assert [each.id for each in store.due(now, 10)] == ["a-2"]
        (late, _) = store.due(now + timedelta(hours=2), 10)[::-1]
        assert (late.id, late.progress) == ("a-1", progress)
        store.settle(["a-1"])
        assert store.take([ActionRow(3, "a-1", b"{}")]) == []
        assert store.place() == (3, "a-1")


def test_a_row_says_all_that_its_action_said(world: World) -> None:
    action = fresh_action(1, fields={"amount": "12.00"})
    world.decide(action)
    (row,) = world.rows.after(0, 10)
    read = msgspec.json.decode(row.action, type=CareAction)
    assert read.id == action.id == world.rows.id_of(row.seq)
    assert (read.cause, read.fields, read.decided_at) == (
        action.cause,
        action.fields,
        action.decided_at,
    )
    assert world.rows.id_of(row.seq + 1) is None


def test_a_file_that_cannot_be_read_is_told_and_tried_again(world: World) -> None:
    path = world.folder / "t.db.dispatch"
    path.write_bytes(b"no database at all, and long enough to be seen as none" * 40)
    dispatch = world.dispatch()
    dispatch.start()
    try:
        wait_until(lambda: dispatch.condition().state == "retrying", seconds=10, what="a failure")
        path.unlink()
        world.decide(fresh_action(0))
        wait_until(lambda: len(world.log) == 1, seconds=10, what="one told")
    finally:
        dispatch.stop()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id FROM settled_action").fetchall() == [("a-0",)]
