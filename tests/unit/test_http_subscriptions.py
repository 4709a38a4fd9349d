"""Subscribing over HTTP: the secret once, problems that say what is wrong, the log of sending."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest

from pipeline.adapters.http.subscription_examples import NOTICE
from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.adapters.subscriptions.follower import Follower
from schemas.registry import output_schema
from schemas.subscriptions import NOTICES, Delivery, ScoreNotice, Subscription
from sinks.sql.deliveries import SqlDeliveries
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.subscriptions import SqlSubscriptions
from tests.contract.scoring import NOW, Scores
from tests.unit.http_fakes import World as HttpWorld
from tests.unit.http_fakes import problem_of

WANTED: dict[str, Any] = {
    "name": "at risk",
    "url": "https://crm.example/hooks",
    "condition": {"below": 50, "tiers": ["gold"]},
}


class World(HttpWorld):
    """The application on a store of its own."""

    def __init__(self, file: Path) -> None:
        self.engine = make_engine(f"sqlite:///{file}")
        upgrade(self.engine)
        self.scores = Scores(self.engine)
        self.store = SqlSubscriptions(self.engine)
        log = SqlDeliveries(self.engine)
        desk = SubscriptionDesk(self.store, log, self.scores, now=lambda: NOW)
        super().__init__(subscriptions=desk)

    def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        return self.call(method, path, content=content, headers=headers)

    def subscribe(self, **changes: object) -> dict[str, Any]:
        answer = self.send("POST", "/v1/subscriptions", WANTED | changes)
        assert answer.status_code == 201
        made: dict[str, Any] = answer.json()
        return made

    def follow(self) -> None:
        while Follower(self.store, self.scores, now=lambda: NOW).step():
            pass


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state.db")
    yield made
    made.engine.dispose()


def test_the_secret_is_told_once(world: World) -> None:
    answer = world.send("POST", "/v1/subscriptions", WANTED)
    made = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert made.pop("secret").startswith("whsec_")
    assert answer.headers["location"] == f"/v1/subscriptions/{made['id']}"
    assert world.get(answer.headers["location"]).json() == made
    assert world.get("/v1/subscriptions").json() == {"items": [made]}
    assert msgspec.convert(made, Subscription).condition.below == 50.0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "ftp://crm.example/"}, "url"),
        ({"url": "https://ann:secret@crm.example/"}, "url"),
        ({"url": "crm.example"}, "url"),
        ({"condition": {}}, "condition"),
        ({"condition": {"below": 30, "above": 40}}, "condition"),
        ({"condition": {"below": 101}}, "condition.below"),
        ({"condition": {"bands": ["awful"]}}, "condition.bands.0"),
        ({"condition": {"below": "low"}}, "condition.below"),
        ({"name": ""}, "name"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_makes_no_sense_is_a_problem_that_names_the_field(
    world: World, changes: dict[str, object], field: str
) -> None:
    answer = world.send("POST", "/v1/subscriptions", WANTED | changes)
    assert answer.status_code == 422
    problem = problem_of(answer)
    assert [each["field"] for each in problem["fields"]] == [field]
    assert "secret@" not in answer.text  # a password is not told back
    assert world.get("/v1/subscriptions").json() == {"items": []}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_subscription_is_a_problem(world: World, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = world.call("POST", "/v1/subscriptions", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    problem_of(answer)


def test_pausing_and_ending(world: World) -> None:
    path = f"/v1/subscriptions/{world.subscribe()['id']}"
    assert world.send("PATCH", path, {"active": False}).json()["active"] is False
    assert world.get(path).json()["active"] is False
    assert problem_of(world.send("PATCH", path, {"active": "no"}))["status"] == 422
    assert problem_of(world.send("PATCH", path, {"url": "https://x.example"}))["status"] == 422
    assert world.send("DELETE", path).status_code == 204
    for answer in (
        world.get(path),
        world.send("DELETE", path),
        world.send("PATCH", path, {"active": True}),
        world.send("POST", f"{path}/test"),
        world.get(f"{path}/deliveries"),
    ):
        assert problem_of(answer)["type"].endswith(":unknown_subscription")


def test_the_log_of_deliveries_page_by_page(world: World) -> None:
    world.scores.change("zoe", 40.0)
    made = world.subscribe(backfill=True)
    for number in range(4):
        world.scores.change(f"c-{number}", 40.0)
    world.follow()
    path = f"/v1/subscriptions/{made['id']}/deliveries"
    first = world.get(f"{path}?limit=3&status=waiting").json()
    rest = world.get(f"{path}?limit=3&status=waiting&before={first['next']}").json()
    items = [*first["items"], *rest["items"]]
    assert [each["customer"] for each in items] == ["c-3", "c-2", "c-1", "c-0", "zoe"]
    assert rest["next"] is None
    assert msgspec.convert(items[0], Delivery).created_at == NOW
    assert world.get(f"{path}?status=failed").json() == {"items": [], "next": None}
    assert problem_of(world.get(f"{path}?before=x"))["status"] == 422
    assert problem_of(world.get(f"{path}?status=lost"))["status"] == 422


def test_trying_out_and_sending_again(world: World) -> None:
    made = world.subscribe()
    answer = world.send("POST", f"/v1/subscriptions/{made['id']}/test")
    assert answer.status_code == 202
    delivery = answer.json()["id"]
    again = world.send("POST", f"/v1/deliveries/{delivery}/redeliver")
    assert (again.status_code, again.json()["id"]) == (202, delivery)
    missing = world.send("POST", "/v1/deliveries/nothing/redeliver")
    assert problem_of(missing)["type"].endswith(":unknown_delivery")


def test_examples_in_the_document_are_what_they_say(world: World) -> None:
    document = world.get("/openapi.json").json()
    operation = document["paths"]["/v1/subscriptions"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert world.send("POST", "/v1/subscriptions", example).status_code == 201
    assert operation["callbacks"]["notice"]
    jsonschema.validate(NOTICE, output_schema(NOTICES))
    notice = msgspec.convert(NOTICE, ScoreNotice)
    assert msgspec.to_builtins(notice) == NOTICE
    for name in ("Subscription", "ScoreNotice", "Delivery"):
        assert name in document["components"]["schemas"]
    tagged = [
        operation
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if "subscriptions" in path or "deliveries" in path
    ]
    assert len(tagged) == 8
    assert all(operation["tags"] == ["subscriptions"] for operation in tagged)


def test_without_a_desk_there_are_no_such_routes() -> None:
    assert HttpWorld().get("/v1/subscriptions").status_code == 404
