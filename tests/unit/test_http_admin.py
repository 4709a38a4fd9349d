"""Keys and the audit log over HTTP."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pipeline.adapters.http.keys import key_id_of
from tests.unit.access_fakes import Gate
from tests.unit.http_fakes import NOW_MS, World, problem_of


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def world(gate: Gate) -> World:
    return World(access=gate.access)


@pytest.fixture
def admin(gate: Gate) -> dict[str, str]:
    return {"Authorization": f"Bearer {gate.make_key('admin', name='root')}"}


def create(world: World, admin: dict[str, str], **wanted: object) -> Any:
    headers = admin | {"Content-Type": "application/json"}
    return world.call("POST", "/v1/keys", content=msgspec.json.encode(wanted), headers=headers)


def test_a_new_key_works_and_is_listed_without_its_secret(
    world: World, admin: dict[str, str]
) -> None:
    made = create(world, admin, name="shop", scopes=["read"], expires_days=2)
    assert made.status_code == 201
    text = made.json()["text"]
    assert world.get("/v1/actions", {"Authorization": f"Bearer {text}"}).status_code == 200
    listed = world.get("/v1/keys", admin)
    (shop,) = [key for key in listed.json()["items"] if key["name"] == "shop"]
    assert (shop["id"], shop["scopes"]) == (key_id_of(text), ["read"])
    assert text.split("_", 2)[2] not in listed.text
    assert "digest" not in listed.text


def test_an_expiry_counts_from_now(gate: Gate, world: World, admin: dict[str, str]) -> None:
    made = create(world, admin, name="shop", scopes=["read"], expires_days=1.5).json()["key"]
    held = gate.store.key(made["id"])
    assert held is not None
    assert held.key.expires is not None
    assert held.key.created.timestamp() == NOW_MS / 1000
    assert held.key.expires - held.key.created == timedelta(days=1.5)


def test_a_revoked_key_is_out_at_once_in_this_process(world: World, admin: dict[str, str]) -> None:
    text = create(world, admin, name="shop", scopes=["read"]).json()["text"]
    headers = {"Authorization": f"Bearer {text}"}
    assert world.get("/v1/actions", headers).status_code == 200
    path = f"/v1/keys/{key_id_of(text)}/revoke"
    assert world.call("POST", path, headers=admin).status_code == 204
    assert world.get("/v1/actions", headers).status_code == 401
    assert problem_of(world.call("POST", path, headers=admin))["status"] == 404


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "shop", "scopes": []},
        {"name": "shop", "scopes": ["root"]},
        {"name": "  ", "scopes": ["read"]},
        {"name": "shop", "scopes": ["read"], "expires_days": 0},
        {"name": "shop", "scopes": ["read"], "days": 3},
        {"scopes": ["read"]},
    ],
)
def test_a_key_that_cannot_be_is_refused(
    gate: Gate, world: World, admin: dict[str, str], wanted: dict[str, object]
) -> None:
    assert problem_of(create(world, admin, **wanted))["status"] == 422
    assert len(gate.store.all_keys()) == 1
    assert gate.audit.rows == []


def test_what_is_done_to_keys_is_in_the_audit_log(world: World, admin: dict[str, str]) -> None:
    key = create(world, admin, name="shop", scopes=["read"]).json()["key"]
    world.call("POST", f"/v1/keys/{key['id']}/revoke", headers=admin)
    page = world.get("/v1/audit", admin).json()
    rows = [(row["action"], row["who"], row["how"], row["target"]) for row in page["items"]]
    assert rows == [
        ("key.revoke", "root", "key", f"key:{key['id']}"),
        ("key.create", "root", "key", f"key:{key['id']}"),
    ]
    assert page["items"][1]["detail"] == {"name": "shop", "scopes": ["read"], "expires": None}
    assert page["next"] is None


def test_the_audit_log_comes_page_by_page(gate: Gate, world: World, admin: dict[str, str]) -> None:
    for number in range(3):
        gate.audit.note("act", who="ann", how="key", target=str(number))
    first = world.get("/v1/audit?limit=2", admin).json()
    rest = world.get(f"/v1/audit?limit=2&before={first['next']}", admin).json()
    assert [row["target"] for row in first["items"] + rest["items"]] == ["2", "1", "0"]
    assert rest["next"] is None
    assert world.get("/v1/audit?target=1", admin).json()["items"][0]["target"] == "1"
    assert problem_of(world.get("/v1/audit?before=x", admin))["status"] == 422
