"""Orders for actions beside the embedded pipeline, and dead letters that go back to its log."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from pipeline.adapters.embedded.files import Files, connect
from pipeline.adapters.embedded.log_reader import LogReader
from pipeline.adapters.embedded.operate import LogRedrive
from pipeline.adapters.embedded.runner import EmbeddedRunner
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.ports import Entry, NoWayBack
from pipeline.adapters.messages import shipped_catalogues
from pipeline.bootstrap.operate import make_embedded_desk
from pipeline.stages.both import CAMPAIGN
from schemas.care import CareOrder, OrderKind, order_id
from schemas.dead_letter import DeadLetter, Reason
from schemas.topics import ACTIONS, PROPOSALS
from sinks.sql.engine import make_engine
from sinks.sql.orders import OrderBook
from sinks.sql.read import ReadModel
from tests.integration.dispatch_process import fresh_action
from tests.integration.embedded_app import default_policy, make_runner, now_ms
from tests.integration.test_embedded_dispatch import World, run_until
from tests.services.process import wait_until
from tests.unit.access_fakes import make_access
from tests.unit.http_fakes import transaction


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def give(world: World, action: str, order: OrderKind, request: str = "1") -> CareOrder:
    return world.orders.add(
        CareOrder(
            id=order_id(action, order, request),
            action=action,
            customer="customer-1",
            order=order,
            by="anna",
            at=datetime.now(UTC),
            reason="asked for",
        )
    )


def results(world: World) -> dict[str, list[str]]:
    """How each action was told to have ended."""
    found: dict[str, list[str]] = {}
    for event in world.log:
        data = json.loads(event.value)["data"]
        found.setdefault(data.get("action"), []).append(data.get("result"))
    return found


def parked_ids(world: World) -> set[str]:
    """Actions that wait because people have not let them go."""
    path = world.folder / "t.db.dispatch"
    with closing(connect(path, read_only=True)) as connection:
        rows = connection.execute("SELECT id, progress FROM open_action").fetchall()
    return {identity for identity, progress in rows if json.loads(progress).get("holds")}


def test_what_is_held_waits_over_a_restart_and_is_sent_once_when_released(world: World) -> None:
    world.decide(fresh_action(1), fresh_action(2), fresh_action(3))
    give(world, "a-1", "hold")
    give(world, "a-2", "cancel")
    run_until(world.dispatch(), lambda: len(world.log) == 2, "two told")
    assert world.sent == ["a-3"]
    assert parked_ids(world) == {"a-1"}
    give(world, "a-1", "release")
    run_until(world.dispatch(), lambda: len(world.log) == 3, "three told")
    assert world.sent == ["a-3", "a-1"]
    assert results(world)["a-2"] == ["suppressed"]


def test_what_needs_approval_waits_for_it(world: World) -> None:
    world.decide(fresh_action(1, needs_approval=True), fresh_action(2, needs_approval=True))
    give(world, "a-2", "approve")
    dispatch = world.dispatch()
    dispatch.start()
    try:
        wait_until(lambda: world.sent == ["a-2"], seconds=30, what="what is approved")
        wait_until(lambda: parked_ids(world) == {"a-1"}, seconds=30, what="the other to wait")
        give(world, "a-1", "approve")
        wait_until(lambda: world.sent == ["a-2", "a-1"], seconds=60, what="the other")
    finally:
        dispatch.stop()


def test_what_nobody_approves_ends_once_when_it_expires(world: World) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    world.decide(fresh_action(1, needs_approval=True, expires_at=soon))
    run_until(world.dispatch(), lambda: len(world.log) == 1, "its end")
    run_until(world.dispatch(), lambda: not parked_ids(world), "nothing open")
    assert world.sent == []
    assert results(world) == {"a-1": ["expired"]}


def test_an_order_is_there_once_and_says_what_was_said_first(world: World) -> None:
    first = give(world, "a-1", "hold")
    again = give(world, "a-1", "hold")
    assert again == first
    assert world.orders.find(first.id) == first
    assert world.orders.of_action("a-1") == [first]
    assert world.orders.find("other") is None


class Served:
    """The embedded pipeline with its API, in this process."""

    def __init__(self, file: Path) -> None:
        self.files = Files(file)
        self.runner: EmbeddedRunner = make_runner(file)
        self.runner.start()
        self.engine: Engine = make_engine(f"sqlite:///{file}")
        self.read = ReadModel(self.engine)
        policy = default_policy()
        self.app = make_app(
            ingest=self.runner,
            read=self.read,
            readiness=self.runner,
            policy=lambda: policy,
            catalogues=shipped_catalogues(),
            access=make_access(local=True),
            now_ms=now_ms,
            registry=CollectorRegistry(),
            version="test",
            desk=make_embedded_desk(self.engine, self.runner, policy=lambda: policy),
        )

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as web:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await web.post(path, json=body, headers=named)

        return asyncio.run(run())

    def log(self) -> list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]]:
        """Every event in the log but the ticks of the clock."""
        with closing(LogReader(self.files.log)) as reader:
            records = reader.read(0, records=10_000, size=1 << 24)
        return [
            (record.key, record.value, tuple(record.headers))
            for record in records
            if b"clock.ticked" not in (record.value or b"")
        ]

    def close(self) -> None:
        self.runner.stop()
        self.engine.dispose()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "t.db")
    yield served
    served.close()


def test_a_dead_letter_goes_back_as_it_was_once(served: Served) -> None:
    broken = Entry(b"customer-7", b"{broken", (("trace", b"\x00\xff"),))
    asyncio.run(served.runner.append([broken], now_ms()))
    wait_until(lambda: len(served.read.dead_letters(9).items) == 1, seconds=30, what="a letter")
    (letter,) = served.read.dead_letters(9).items
    path = f"/v1/dead-letters/{letter['id']}/redrive"
    answers = [served.post(path, {"reason": "mended"}) for _ in range(3)]
    assert [each.status_code for each in answers] == [202] * 3
    assert len({each.text for each in answers}) == 1
    wait_until(lambda: len(served.read.dead_letters(9).items) == 2, seconds=30, what="another")
    assert served.log() == [tuple(broken)] * 2
    (_, first) = served.read.dead_letters(9).items
    assert (first["id"], first["redriven_by"]) == (letter["id"], "local")
    assert first["redriven_at"] is not None


def test_care_by_hand_becomes_a_touch_once(served: Served) -> None:
    body = {"care": "flowers", "because": "moved_house", "channel": "post", "cost": 20}
    path = "/v1/customers/customer%2F7/care"
    answers = [served.post(path, body, Idempotency_Key="k-1") for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    wait_until(
        lambda: served.read.contributions("customer/7", 9).items != [], seconds=30, what="the touch"
    )
    ((key, value, _),) = served.log()
    assert key == b"customer/7"
    event = json.loads(value or b"")
    assert (event["type"], event["data"]) == ("touchpoint.staff.cared.v1", body)
    assert event["id"] == answers[0].json()["id"]


def test_an_order_about_what_is_over_is_answered_with_its_end(served: Served) -> None:
    # Of today: a task that was decided months ago is nobody's present wish.
    time = datetime.now(UTC).isoformat()
    asyncio.run(
        served.runner.append(
            [Entry(b"customer-7", msgspec.json.encode(transaction(time=time)))], now_ms()
        )
    )
    wait_until(lambda: served.read.actions(9).items != [], seconds=30, what="an alert")
    (action,) = served.read.actions(9).items
    path = f"/v1/actions/{action['id']}/orders"
    held = served.post(path, {"order": "hold", "reason": "wait"}, Idempotency_Key="k-1")
    assert held.status_code == 202
    delivered = {
        "specversion": "1.0",
        "id": "delivered-1",
        "source": "/gateway",
        "type": "touchpoint.message.delivered.v1",
        "subject": "customer-7",
        "time": time,
        "data": {
            "channel": "sms",
            "purpose": "alert",
            "about": action["id"],
            "action": "transaction_alert",
        },
    }
    entry = Entry(b"customer-7", msgspec.json.encode(delivered))
    asyncio.run(served.runner.append([entry], now_ms()))
    book = OrderBook(served.engine)

    def over() -> bool:
        state = book.state(str(action["id"]))
        return state is not None and state.outcome is not None

    wait_until(over, seconds=30, what="its end")
    late = served.post(path, {"order": "cancel", "reason": "too late"})
    assert late.status_code == 409
    assert "done" in late.json()["detail"]
    again = served.post(path, {"order": "hold", "reason": "wait"}, Idempotency_Key="k-1")
    assert (again.status_code, again.json()) == (202, held.json())
    assert Counter(order.order for order in book.of_action(str(action["id"]))) == {"hold": 1}


def test_a_letter_of_a_campaign_goes_back_to_the_campaign_and_others_nowhere() -> None:
    sent: list[Entry] = []

    async def append(entry: Entry) -> None:
        sent.append(entry)

    letter = DeadLetter(
        topic=PROPOSALS,
        partition=0,
        offset=3,
        timestamp_ms=1,
        key=b"spring",
        value=b"{}",
        headers=(),
        reason=Reason.BROKEN_JSON,
        detail="",
        fields=(),
        component="allocate",
        version="1",
    )
    redrive = LogRedrive(append)
    asyncio.run(redrive.send(letter))
    assert sent == [Entry(CAMPAIGN + b"spring", b"{}")]
    with pytest.raises(NoWayBack, match=ACTIONS):
        asyncio.run(redrive.send(msgspec.structs.replace(letter, topic=ACTIONS)))
    assert len(sent) == 1
