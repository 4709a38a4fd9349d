"""Acts over HTTP: durable, done once, noted with who and why, refused with what is the matter."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from pipeline.adapters.http.acts import Desk
from pipeline.adapters.http.app import make_app
from pipeline.adapters.http.ports import NoWayBack, Unavailable
from pipeline.adapters.messages import shipped_catalogues
from schemas.care import CareOrder
from schemas.dead_letter import DeadLetter, KeptLetter, Reason
from sinks.sql.orders import ActionState, Outcome
from tests.unit.access_fakes import Gate
from tests.unit.http_fakes import (
    NOW_MS,
    FixedReadiness,
    MemoryIngest,
    MemoryReadModel,
    default_policy,
    problem_of,
)

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
LETTER = DeadLetter(
    topic="touchpoint.event.v1",
    partition=0,
    offset=7,
    timestamp_ms=1,
    key=b"customer-7",
    value=b"{broken",
    headers=(),
    reason=Reason.BROKEN_JSON,
    detail="not JSON",
    fields=(),
    component="perceive",
    version="1",
)


class Note(NamedTuple):
    action: str
    who: str
    how: str
    target: str
    reason: str


class FakeDesk:
    """Every port that acts need, in memory."""

    def __init__(self) -> None:
        self.given: dict[str, CareOrder] = {}
        self.states: dict[str, ActionState] = {"a-1": ActionState("a-1", "customer-7", None, [])}
        self.letters: dict[int, KeptLetter] = {4: KeptLetter(id=4, letter=LETTER)}
        self.sent: list[DeadLetter] = []
        self.notes: list[Note] = []
        self.failing: Exception | None = None
        self._keys = 0

    async def find(self, identity: str) -> CareOrder | None:
        return self.given.get(identity)

    async def give(self, order: CareOrder) -> CareOrder:
        if self.failing is not None:
            raise self.failing
        return self.given.setdefault(order.id, order)

    def state(self, action: str) -> ActionState | None:
        return self.states.get(action)

    def letter(self, identity: int) -> KeptLetter | None:
        return self.letters.get(identity)

    def mark_redriven(self, identity: int, *, by: str, at: datetime) -> KeptLetter | None:
        kept = KeptLetter(id=identity, letter=LETTER, redriven_at=at, redriven_by=by)
        self.letters[identity] = kept
        return kept

    async def send(self, letter: DeadLetter) -> None:
        if self.failing is not None:
            raise self.failing
        self.sent.append(letter)

    def note(
        self,
        action: str,
        *,
        who: str,
        how: str,
        target: str = "",
        reason: str = "",
        detail: Mapping[str, object] | None = None,
        outcome: str = "done",
    ) -> None:
        self.notes.append(Note(action, who, how, target, reason))

    def new_key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"


class World:
    def __init__(self) -> None:
        gate = Gate()
        self.key = gate.make_key("operate", name="anna")
        self.desk = FakeDesk()
        self.ingest = MemoryIngest()
        self.app: FastAPI = make_app(
            ingest=self.ingest,
            read=MemoryReadModel(),
            readiness=FixedReadiness(),
            policy=default_policy,
            catalogues=shipped_catalogues(),
            access=gate.access,
            now_ms=lambda: NOW_MS,
            registry=CollectorRegistry(),
            version="test",
            desk=Desk(
                orders=self.desk,
                actions=self.desk,
                letters=self.desk,
                redrive=self.desk,
                ingest=self.ingest,
                audit=self.desk,
                policy=default_policy,
                now_ms=lambda: NOW_MS,
                new_key=self.desk.new_key,
            ),
        )

    def post(
        self, path: str, json: object = None, *, form: dict[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        body = {"json": json} if form is None else {"data": form}
        return self.send(path, body, headers)

    def send(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as web:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                named["Authorization"] = f"Bearer {self.key}"
                return await web.post(path, headers=named, **body)

        return asyncio.run(run())

    def order(self, order: str = "hold", reason: str = "ask first", **headers: str) -> Any:
        body = {"order": order, "reason": reason}
        return self.post("/v1/actions/a-1/orders", body, form=None, **headers)


def test_an_order_is_given_and_noted_with_who_and_why() -> None:
    world = World()
    answer = world.order()
    (order,) = world.desk.given.values()
    assert answer.status_code == 202
    assert answer.json()["id"] == order.id
    assert (order.action, order.customer, order.order) == ("a-1", "customer-7", "hold")
    assert (order.by, order.at, order.reason) == ("anna", NOW, "ask first")
    assert world.desk.notes == [Note("action.hold", "anna", "key", "a-1", "ask first")]


def test_the_same_key_is_answered_as_before_whatever_happened_since() -> None:
    world = World()
    first = world.order(Idempotency_Key="k")
    world.desk.states["a-1"] = ActionState("a-1", "c", Outcome("done", "", NOW), [])
    again = world.order(Idempotency_Key="k")
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.desk.given) == len(world.desk.notes) == 1


def test_the_same_key_with_another_reason_is_refused() -> None:
    world = World()
    world.order(Idempotency_Key="k")
    answer = world.order(reason="another", Idempotency_Key="k")
    assert answer.status_code == 422
    assert problem_of(answer)["type"].endswith("idempotency_key_reused")


def test_without_a_key_every_request_is_an_order_of_its_own() -> None:
    world = World()
    world.order()
    world.order()
    assert len(world.desk.given) == 2


def test_an_unknown_action_is_not_found() -> None:
    answer = World().post("/v1/actions/other/orders", {"order": "hold", "reason": "x"})
    assert answer.status_code == 404
    assert problem_of(answer)["type"].endswith("unknown_action")


def test_an_action_that_is_over_is_told_with_its_end_and_nothing_is_done() -> None:
    world = World()
    ended = Outcome("expired", "held by bob: wait", NOW)
    world.desk.states["a-1"] = ActionState("a-1", "customer-7", ended, [])
    answer = world.order("release")
    assert answer.status_code == 409
    assert "expired (held by bob: wait) at 2026-01-05" in problem_of(answer)["detail"]
    assert world.desk.given == {}
    assert world.desk.notes == []


def test_after_a_cancellation_nothing_else_is_ordered() -> None:
    world = World()
    world.order("cancel", Idempotency_Key="k")
    orders = [*world.desk.given.values()]
    world.desk.states["a-1"] = ActionState("a-1", "customer-7", None, orders)
    answer = world.order("release")
    assert answer.status_code == 409
    assert "cancelled by anna" in problem_of(answer)["detail"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x00b", None, 7])
@pytest.mark.parametrize("path", ["/v1/actions/a-1/orders", "/v1/dead-letters/4/redrive"])
def test_a_reason_is_required(path: str, reason: object) -> None:
    world = World()
    body = {"reason": reason} | ({"order": "hold"} if "orders" in path else {})
    answer = world.post(path, body)
    assert answer.status_code == 422
    assert [each["field"] for each in problem_of(answer)["fields"]] == ["reason"]
    assert world.desk.given == {}
    assert world.desk.sent == []


def test_what_cannot_be_made_durable_is_told_and_may_come_again() -> None:
    world = World()
    world.desk.failing = Unavailable("no broker answers", retry_after_seconds=2.0)
    assert world.order().status_code == 503
    assert world.post("/v1/dead-letters/4/redrive", {"reason": "x"}).status_code == 503
    assert world.desk.letters[4].redriven_at is None
    world.desk.failing = None
    assert world.order().status_code == 202


def test_a_dead_letter_is_sent_once_however_often_it_is_asked() -> None:
    world = World()
    answers = [world.post("/v1/dead-letters/4/redrive", {"reason": "mended"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["redriven_by"] == "anna"
    assert world.desk.sent == [LETTER]
    assert world.desk.notes == [Note("dead_letter.redrive", "anna", "key", "4", "mended")]


def test_a_letter_that_is_not_there_or_has_no_way_back_is_a_problem() -> None:
    world = World()
    assert world.post("/v1/dead-letters/5/redrive", {"reason": "x"}).status_code == 404
    world.desk.failing = NoWayBack("nothing reads the topic care.case.v1")
    answer = world.post("/v1/dead-letters/4/redrive", {"reason": "x"})
    assert answer.status_code == 422
    assert problem_of(answer)["type"].endswith("no_way_back")


def test_care_that_is_no_care_is_refused_with_its_fields() -> None:
    world = World()
    path = "/v1/customers/c/care"
    assert world.post(path, {"care": "flowers"}).status_code == 422
    answer = world.post(path, {"care": "flowers", "because": "x", "channel": "pigeon"})
    assert answer.status_code == 422
    assert [each["field"] for each in problem_of(answer)["fields"]] == ["data.channel"]
    assert world.ingest.entries == []
    assert world.desk.notes == []


def test_care_is_told_at_its_own_time() -> None:
    world = World()
    body = {"care": "flowers", "because": "moved", "at": "2026-01-04T10:00:00Z"}
    assert world.post("/v1/customers/c%2F1/care", body).status_code == 202
    (entry,) = world.ingest.entries
    assert entry.key == b"c/1"
    assert b'"time":"2026-01-04T10:00:00Z"' in entry.value
    assert world.desk.notes == [Note("customer.care", "anna", "key", "c/1", "moved")]


def message_of(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 303
    place = urlsplit(answer.headers["location"])
    return place.path, parse_qs(place.query)["message"][0]


def test_a_form_does_the_same_and_leads_back() -> None:
    world = World()
    page = "http://127.0.0.1/console/customers/7?lang=zh"
    answer = world.post("/console/actions/a-1/hold", form={"reason": "wait"}, Referer=page)
    assert message_of(answer) == ("/console/customers/7", "ordered: hold")
    assert "lang=zh" in answer.headers["location"]
    assert [order.order for order in world.desk.given.values()] == ["hold"]
    answer = world.post("/console/dead-letters/4/redrive", form={"reason": "mended"})
    assert message_of(answer) == ("/console/", "sent again")
    assert world.desk.sent == [LETTER]


def test_a_form_says_what_is_the_matter_and_leads_to_no_foreign_page() -> None:
    world = World()
    elsewhere = "http://evil.example/console/x"
    answer = world.post("/console/actions/a-1/hold", form={"reason": " "}, Referer=elsewhere)
    path, message = message_of(answer)
    assert path == "/console/"
    assert "say why" in message
    assert world.desk.given == {}
    assert world.post("/console/actions/a-1/destroy", form={"reason": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "detail"),
    [(b"\xff{}", "the body is not UTF-8"), (b'{"order": ', "the body is no JSON: Expecting value")],
)
def test_a_body_that_is_no_json_is_said_to_be_none(body: bytes, detail: str) -> None:
    world = World()
    headers = {"Content-Type": "application/json"}
    answer = world.send("/v1/actions/a-1/orders", {"content": body}, headers)
    problem = problem_of(answer)
    assert answer.status_code == 400
    assert problem["type"].endswith("broken_json")
    assert detail in problem["detail"]
    assert world.desk.given == {}
