"""Limits of how often: each caller's own, said with when to come again."""

from urllib.parse import urlencode

import pytest

from pipeline.adapters.http.rates import Rates, RateSettings
from tests.unit.access_fakes import Gate
from tests.unit.http_fakes import World, problem_of, transaction

FEW = RateSettings(read="3/hour", ingest="2/hour", login="2/hour")


def bearer(gate: Gate, *, name: str = "ann") -> dict[str, str]:
    return {"Authorization": f"Bearer {gate.make_key('admin', name=name)}"}


def test_who_asks_too_often_is_told_when_to_come_again() -> None:
    gate = Gate(rates=FEW)
    world, ann, bob = World(access=gate.access), bearer(gate), bearer(gate)
    assert [world.get("/v1/actions", ann).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = world.get("/v1/cases", ann)
    assert problem_of(answer)["type"].endswith(":too_many_requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert world.get("/v1/actions", bob).status_code == 200
    assert world.post(transaction(), **ann).status_code == 202  # events have a limit of their own


def test_events_are_counted_apart() -> None:
    gate = Gate(rates=FEW)
    world, ann = World(access=gate.access), bearer(gate)
    sent = [world.post(transaction(), **ann).status_code for _ in range(3)]
    assert sent == [202, 202, 429]
    assert world.get("/v1/actions", ann).status_code == 200


def test_logging_in_is_limited_by_address_whatever_is_tried() -> None:
    gate = Gate(rates=FEW)
    world = World(access=gate.access)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"key": "wrong"}).encode()
    tries = [
        world.call("POST", "/console/login", content=body, headers=form).status_code
        for _ in range(3)
    ]
    assert tries == [401, 401, 429]
    assert world.get("/console/login").status_code == 200
    assert len(gate.audit.rows) == 2


def test_this_machine_is_not_limited() -> None:
    world = World(access=Gate(local=True, rates=FEW).access)
    assert {world.get("/v1/actions").status_code for _ in range(9)} == {200}


def test_the_limits_shipped_allow_200_at_once_and_any_number_of_events() -> None:
    rates = Rates()
    waits = [rates.wait_seconds("read", "key:1") for _ in range(201)]
    assert waits[:200] == [0] * 200
    assert 1 <= waits[200] <= 4
    assert not any(rates.wait_seconds("ingest", "key:1") for _ in range(1_000))
    assert [rates.wait_seconds("login", "::1") > 0 for _ in range(6)] == [False] * 5 + [True]


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="often"):
        Rates(RateSettings(read="often"))
