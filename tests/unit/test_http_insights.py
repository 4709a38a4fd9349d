"""Insights over HTTP: what is asked of the port, and what is answered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.adapters.http.insights_examples import ANSWERS
from schemas import insights
from tests.unit.http_fakes import NOW_MS, World, problem_of

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
PLAIN = ["matrix", "icebergs", "churn", "costs", "experiments", "care-rules"]
ROWS = {
    "levels": insights.Level,
    "curve": insights.CurvePoint,
    "matrix": insights.Level,
    "icebergs": insights.Iceberg,
    "silent": insights.SilentCustomer,
    "falls": insights.Fall,
    "churn": insights.ChurnReason,
    "costs": insights.ActionCost,
    "experiments": insights.Experiment,
    "care-rules": insights.CareRule,
}


@pytest.fixture
def world() -> World:
    return World()


def example(name: str) -> Any:
    return ANSWERS[name]["content"]["application/json"]["example"]["items"][0]


@pytest.mark.parametrize("name", ROWS)
def test_example_of_each_insight_is_one(name: str) -> None:
    msgspec.convert(example(name), ROWS[name], strict=True)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_insight_is_of_the_last_week(world: World, name: str) -> None:
    found = msgspec.convert(example(name), ROWS[name])
    world.insights.found = [found]
    answer = world.get(f"/v1/insights/{name}")
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["since"] == "2025-12-29T09:30:00Z"
    assert body["until"] == "2026-01-05T09:30:00Z"
    (item,) = body["items"]
    assert msgspec.convert(item, ROWS[name]) == found
    asked = {"since": NOW - timedelta(days=7), "until": NOW}
    assert world.insights.asked == [(name.replace("-", "_"), asked)]


def test_levels_are_asked_for_by_axis_dimension_and_hours(world: World) -> None:
    answer = world.get("/v1/insights/levels?axis=staff&dimension=attitude&hours=24")
    assert answer.status_code == 200
    asked = {
        "axis": "staff",
        "dimension": "attitude",
        "since": NOW - timedelta(hours=24),
        "until": NOW,
    }
    assert world.insights.asked == [("levels", asked)]


def test_curve_is_asked_for_between_two_times_of_any_zone(world: World) -> None:
    period = "since=2026-01-02T08:00:00%2B08:00&until=2026-01-03T00:00:00Z"
    world.get(f"/v1/insights/curve?axis=tier&value=gold&grain=minute&{period}")
    ((what, asked),) = world.insights.asked
    assert what == "curve"
    assert asked == {
        "axis": "tier",
        "value": "gold",
        "grain": "minute",
        "dimension": None,
        "since": datetime(2026, 1, 2, tzinfo=UTC),
        "until": datetime(2026, 1, 3, tzinfo=UTC),
    }
    assert str(asked["since"]).endswith("+00:00")


def test_hours_are_before_until(world: World) -> None:
    world.get("/v1/insights/costs?hours=2&until=2026-01-03T00:00:00Z")
    ((_, asked),) = world.insights.asked
    assert asked["since"] == datetime(2026, 1, 2, 22, tzinfo=UTC)


def test_falls_and_the_silent_are_paged(world: World) -> None:
    world.insights.found = [{"event": f"e-{n}"} for n in range(5)]
    for path in ("falls?", "silent?touchpoint=call&dimension=connect_speed&"):
        first = world.get(f"/v1/insights/{path}limit=3").json()
        assert [row["event"] for row in first["items"]] == ["e-0", "e-1", "e-2"]
        last = world.get(f"/v1/insights/{path}limit=3&before={first['next']}").json()
        assert [row["event"] for row in last["items"]] == ["e-3", "e-4"]
        assert last["next"] is None


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("levels", "axis"),
        ("levels?axis=odd", "axis"),
        ("levels?axis=tier&hours=0", "hours"),
        ("levels?axis=tier&hours=2&since=2026-01-01T00:00:00Z", "hours"),
        ("levels?axis=tier&since=2026-01-05T09:30:00Z", "since"),
        ("levels?axis=tier&since=2026-01-01", "since"),
        ("levels?axis=tier&until=0001-01-01T00:00:00Z", "until"),
        ("curve?axis=tier", "value"),
        ("curve?axis=tier&value=", "value"),
        ("curve?axis=tier&value=gold&grain=year", "grain"),
        ("curve?axis=tier&value=gold&grain=minute&hours=100", "grain"),
        ("silent?dimension=speed", "touchpoint"),
        ("silent?touchpoint=call", "dimension"),
        ("falls?before=x", "before"),
        ("falls?limit=0", "limit"),
        ("churn?until=x", "until"),
    ],
)
def test_bad_parameter_is_named(world: World, path: str, field: str) -> None:
    answer = world.get(f"/v1/insights/{path}")
    assert answer.status_code == 422
    problem = problem_of(answer)
    assert problem["fields"][0]["field"] == field
    assert field in problem["detail"]
