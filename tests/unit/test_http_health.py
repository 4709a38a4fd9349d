"""Health and access: what a probe is told, and who may ask at all."""

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from pipeline.adapters.http.access import AccessRefused, check_environment_key, is_loopback
from pipeline.adapters.http.health import make_health_app
from pipeline.adapters.http.ports import Condition
from tests.unit.http_fakes import FixedReadiness, World, problem_of

KEY = "a-key-of-enough-bytes"


def test_ready_while_every_lane_runs() -> None:
    answer = World().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True


def test_not_ready_says_which_lane_and_why() -> None:
    world = World()
    world.readiness.now = (
        Condition("lane 0", True, "running"),
        Condition("lane 1", False, "retrying", "commit failed: disk full"),
    )
    answer = world.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["conditions"][1] == {
        "name": "lane 1",
        "ready": False,
        "state": "retrying",
        "detail": "commit failed: disk full",
    }


def test_not_ready_without_any_lane() -> None:
    world = World()
    world.readiness.now = ()
    assert world.get("/readyz").status_code == 503


def test_alive_until_only_a_restart_can_help() -> None:
    world = World()
    world.readiness.now = (Condition("lane 0", False, "retrying"),)
    assert world.get("/livez").status_code == 200
    world.readiness.why_fatal = "the lane ended"
    assert world.get("/livez").status_code == 503


def test_metrics_come_from_the_registry_given() -> None:
    world = World()
    Counter("touchpoint_tests", "Tests.", registry=world.registry).inc()
    answer = world.get("/metrics")
    assert "touchpoint_tests_total 1.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_health_routes_stand_alone_beside_a_worker() -> None:
    app = make_health_app(FixedReadiness(), CollectorRegistry())

    async def statuses() -> list[int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
            paths = ("/livez", "/readyz", "/metrics", "/v1/actions")
            return [(await client.get(path)).status_code for path in paths]

    assert asyncio.run(statuses()) == [200, 200, 200, 404]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104
def test_others_reach_an_address_that_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)


def test_short_key_is_refused() -> None:
    with pytest.raises(AccessRefused, match="shorter than 16 bytes"):
        check_environment_key("secret")
    check_environment_key(None)
    check_environment_key(KEY)


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic " + KEY, KEY])
def test_with_a_key_nothing_is_told_without_it(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    world = World(key=KEY)
    hidden = ("/v1/actions", "/metrics", "/readyz", "/openapi.json", "/v1/customers/x", "/nothing")
    for path in hidden:
        answer = world.call("GET", path, headers=headers)
        assert problem_of(answer)["status"] == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert world.get("/livez").status_code == 200


def test_with_the_key_all_is_told_from_anywhere() -> None:
    world = World(key=KEY)
    headers = {"Authorization": f"Bearer {KEY}", "Origin": "https://example.org"}
    answer = world.call("GET", "/v1/actions", headers=headers, host="example.org")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8080", None, 200),
        ("localhost:8080", "http://localhost:8080", 200),
        ("[::1]:8080", None, 200),
        ("rebound.example.org:8080", None, 403),
        ("127.0.0.1:8080", "https://example.org", 403),
        ("127.0.0.1:8080", "null", 403),
        ("127.0.0.1:8080", "http://127.0.0.1:9999", 403),
    ],
)
def test_foreign_pages_cannot_use_a_server_without_a_key(
    host: str, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = World().call("GET", "/v1/actions", headers=headers, host=host)
    assert answer.status_code == status
