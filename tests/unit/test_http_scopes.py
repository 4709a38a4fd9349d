"""The access matrix: which scope opens which route, and that nothing is forgotten."""

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.responses import Response

from pipeline.adapters.console.router import make_console_router
from pipeline.adapters.http.oidc import make_oidc_router
from pipeline.adapters.http.oidc_provider import OidcProvider, OidcSettings
from pipeline.adapters.http.operate import make_operate_router
from pipeline.adapters.http.operate_forms import make_form_router
from pipeline.adapters.http.queue import make_queue_router
from pipeline.adapters.http.scopes import TABLE, ScopeTable
from pipeline.adapters.http.subscriptions import make_subscription_router
from pipeline.adapters.http.who import implied
from pipeline.adapters.messages import shipped_catalogues
from schemas.access import SCOPES, Scope
from tests.unit.access_fakes import Gate
from tests.unit.http_fakes import World, default_policy, problem_of

PUBLIC = "https://care.example.org"

MATRIX: dict[str, str] = {
    # route: the scopes that open it, each alone, by their first letters; + anybody, * any scope
    "GET /livez": "+",
    "GET /readyz": "r oa",
    "GET /metrics": "r oa",
    "GET /openapi.json": "*",
    "POST /v1/events": "i a",
    "GET /v1/customers/{customer:path}/explanation": "d oa",
    "GET /v1/customers/{customer:path}/trail": "d oa",
    "GET /v1/customers/{customer:path}/history": "d oa",
    "GET /v1/customers/{customer:path}": "d oa",
    "GET /v1/scores": "d oa",
    "GET /v1/stream": "d oa",
    "GET /v1/insights/silent": "d oa",
    "GET /v1/insights/levels": "r oa",
    "GET /v1/insights/curve": "r oa",
    "GET /v1/insights/matrix": "r oa",
    "GET /v1/insights/icebergs": "r oa",
    "GET /v1/insights/falls": "r oa",
    "GET /v1/insights/churn": "r oa",
    "GET /v1/insights/costs": "r oa",
    "GET /v1/insights/experiments": "r oa",
    "GET /v1/insights/care-rules": "r oa",
    "GET /v1/subscriptions": "oa",
    "POST /v1/subscriptions": "oa",
    "GET /v1/subscriptions/{subscription}": "oa",
    "PATCH /v1/subscriptions/{subscription}": "oa",
    "DELETE /v1/subscriptions/{subscription}": "oa",
    "POST /v1/subscriptions/{subscription}/test": "oa",
    "GET /v1/subscriptions/{subscription}/deliveries": "oa",
    "POST /v1/deliveries/{delivery}/redeliver": "oa",
    "POST /v1/actions/{action}/orders": "oa",
    "POST /v1/dead-letters/{letter}/redrive": "oa",
    "POST /v1/customers/{customer:path}/care": "oa",
    "POST /console/actions/{action}/{order}": "oa",
    "POST /console/dead-letters/{letter}/redrive": "oa",
    "GET /console/static/{name}": "+",
    "GET /console": "*",
    "GET /console/": "d oa",
    "GET /console/customers/{customer:path}": "d oa",
    "GET /console/operator": "d oa",
    "GET /console/silent": "d oa",
    "GET /console/care": "d oa",
    "GET /console/campaigns": "d oa",
    "GET /console/health": "d oa",
    "GET /console/{rest:path}": "*",
    "GET /v1/actions": "r oa",
    "GET /v1/actions/waiting": "d oa",
    "GET /v1/decisions": "r oa",
    "GET /v1/cases": "r oa",
    "GET /v1/dead-letters": "d oa",
    "GET /v1/who": "*",
    "GET /v1/audit": "a",
    "GET /v1/keys": "a",
    "POST /v1/keys": "a",
    "POST /v1/keys/{key_id}/revoke": "a",
    "GET /console/login": "+",
    "POST /console/login": "+",
    "GET /console/login/oidc": "+",
    "GET /console/login/oidc/callback": "+",
    "POST /console/logout": "*",
}
_NOTHING: Any = None
LETTERS: dict[Scope, str] = {
    "ingest": "i",
    "read": "r",
    "identify": "d",
    "operate": "o",
    "admin": "a",
}


def gate_and_world() -> tuple[Gate, World]:
    """An application with every router there is."""
    gate = Gate(public_url=PUBLIC)
    world = World(access=gate.access)
    settings = OidcSettings(issuer="https://id.test", client_id="c", scopes={"x": ("read",)})
    routers = (
        make_oidc_router(gate.access, OidcProvider(settings)),
        # Who passes finds nothing behind these, which is for their own tests.
        make_operate_router(_NOTHING),
        make_queue_router(_NOTHING),
        make_form_router(_NOTHING),
        make_subscription_router(_NOTHING),
        make_console_router(
            world.read,
            _NOTHING,
            world.history,
            world.insights,
            readiness=world.readiness,
            registry=world.registry,
            policy=default_policy,
            catalogues=shipped_catalogues(),
            now_ms=lambda: world.now_ms,
        ),
    )
    for router in routers:
        world.app.include_router(router)
    return gate, world


def routes(world: World) -> set[tuple[str, str]]:
    found = set()
    for route in iter_route_contexts(world.app.routes):
        assert route.path is not None
        for method in route.methods or ():
            if method != "HEAD":
                found.add((method, route.path))
    return found


def sample(path: str) -> str:
    """A request's path that the route takes."""
    return re.sub(r"\{[^}]*\}", "x", path)


def ask(world: World, route: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """The answer to a request for a route."""
    method, path = route.split(" ")
    # An open stream would not end: whoever may listen hears what is wrong with the question.
    query = "?kinds=none" if path == "/v1/stream" else ""
    return world.call(method, sample(path) + query, headers=headers, host="care.example.org")


def test_every_route_has_an_entry_and_every_entry_a_route() -> None:
    _, world = gate_and_world()
    assert routes(world) == set(TABLE)


def test_the_table_and_the_routes_agree_on_every_path() -> None:
    _, world = gate_and_world()
    table = ScopeTable()
    for _, path in routes(world):
        assert table.template(sample(path)) == path


def test_the_matrix_is_complete() -> None:
    assert set(MATRIX) == {f"{method} {path}" for method, path in TABLE}


@pytest.mark.parametrize(("route", "scope"), list(product(MATRIX, SCOPES)))
def test_a_scope_opens_what_the_matrix_says_and_no_more(route: str, scope: Scope) -> None:
    gate, world = gate_and_world()
    path = route.split(" ")[1]
    answer = ask(world, route, {"Authorization": f"Bearer {gate.make_key(scope)}"})
    refused = answer.status_code == 403 and "insufficient_scope" in answer.text
    opened = MATRIX[route] in ("+", "*") or LETTERS[scope] in MATRIX[route]
    assert refused is not opened
    assert answer.status_code != 401 or path == "/console/login"


@pytest.mark.parametrize("route", MATRIX)
def test_without_a_key_only_what_is_open_answers(route: str) -> None:
    _, world = gate_and_world()
    answer = ask(world, route)
    if MATRIX[route] == "+":
        # to log in by nothing is refused by the page itself
        assert answer.status_code != 401 or "<form" in answer.text
    elif route.startswith("GET /console"):  # a person is led to where one logs in
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/login?next=")
    else:
        assert problem_of(answer)["status"] == 401


def test_a_route_without_an_entry_is_refused_even_to_an_admin_of_this_machine() -> None:
    world = World()
    stray = APIRouter()

    @stray.get("/v1/stray")
    async def get_stray() -> Response:
        return Response("secret")

    world.app.include_router(stray)
    answer = world.get("/v1/stray")
    assert problem_of(answer)["status"] == 404
    assert "secret" not in answer.text


def test_a_method_without_an_entry_is_refused_with_those_that_are_there() -> None:
    answer = World().call("DELETE", "/v1/keys")
    assert problem_of(answer)["status"] == 405
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("given", "may"),
    [
        (("ingest",), {"ingest"}),
        (("read",), {"read"}),
        (("identify",), {"identify"}),
        (("operate",), {"operate", "read", "identify"}),
        (("admin",), set(SCOPES)),
        (("ingest", "operate"), {"ingest", "operate", "read", "identify"}),
    ],
)
def test_scopes_imply_others(given: tuple[Scope, ...], may: set[str]) -> None:
    assert implied(given) == may


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/a%2Fb/explanation",
        "/v1/customers/a/explanation/explanation",
        "/v1/customers/..%2factions",
        "/v1/customers/%2e%2e/actions",
        "/v1/./actions/../customers/x",
    ],
)
def test_no_spelling_of_a_path_opens_a_customer_to_a_reader(path: str) -> None:
    gate, world = gate_and_world()
    world.read.scores["x"] = {"customer": "x"}
    answer = world.get(path, {"Authorization": f"Bearer {gate.make_key('read')}"})
    assert answer.status_code in (403, 404)
    assert "score" not in answer.text
