"""Calibration says how far forecasts were from what happened, the same on each database."""

import random
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from schemas.outlook import OutlookCheck
from schemas.topics import OUTLOOKS
from sinks.sql import tables
from sinks.sql.outlooks import calibration, outlook_names, wilson
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples

HORIZON_DAYS = 30


def check(
    number: int,
    probability: float,
    happened: bool,
    *,
    outlook: str = "churn",
    made_day: float = 0.0,
    settled_day: float | None = None,
) -> OutlookCheck:
    """An outlook of day ``made_day``, settled a horizon later if no day is given."""
    settled = made_day + HORIZON_DAYS if settled_day is None else settled_day
    return msgspec.structs.replace(
        samples.outlook_check("c1", number),
        id=f"{outlook}-{number}",
        outlook=outlook,
        made_at=samples.START + timedelta(days=made_day),
        probability=probability,
        happened=happened,
        settled_at=samples.START + timedelta(days=settled),
    )


def write(engine: Engine, checks: Sequence[OutlookCheck]) -> None:
    with engine.begin() as connection:
        connection.execute(delete(tables.outlook_checks))
        write_outputs(connection, [(OUTLOOKS, b"c1", samples.encode(one)) for one in checks])


def test_four_forecasts_of_a_textbook(engine: Engine) -> None:
    write(
        engine,
        [check(1, 0.9, True), check(2, 0.7, True), check(3, 0.3, False), check(4, 0.1, True)],
    )
    found = calibration(engine, "churn")
    assert (found.n, found.immature, found.base_rate) == (4, 0, 0.75)
    assert found.mean_forecast == pytest.approx(0.5)
    assert found.brier == pytest.approx((0.01 + 0.09 + 0.09 + 0.81) / 4)
    assert found.skill == pytest.approx(1 - 0.25 / (0.75 * 0.25))


def test_bins_hold_their_lower_bound_and_the_last_one_everything(engine: Engine) -> None:
    tenths = [number / 10 for number in range(11)]
    write(engine, [check(n, p, n == 10) for n, p in enumerate([*tenths, 0.3 - 2**-54, 0.05])])
    found = calibration(engine, "churn")
    assert [each.n for each in found.bins] == [2, 1, 2, 1, 1, 1, 1, 1, 1, 2]
    assert (found.bins[0].low, found.bins[9].high) == (0.0, 1.0)
    assert found.bins[0].forecast == pytest.approx(0.025)
    assert found.bins[9].observed == 0.5
    assert found.bins[1].observed == 0.0


def test_a_bin_without_checks_says_nothing(engine: Engine) -> None:
    write(engine, [check(1, 0.55, True)])
    found = calibration(engine, "churn")
    assert found.bins[0][2:] == (0, None, None, None, None)
    assert found.skill is None  # there was nothing to tell apart
    assert found.base_rate == 1.0


def test_an_outlook_without_checks_has_no_rates(engine: Engine) -> None:
    found = calibration(engine, "churn")
    assert (found.n, found.base_rate, found.brier, found.skill) == (0, None, None, None)
    assert outlook_names(engine) == []


def test_outlooks_are_judged_apart(engine: Engine) -> None:
    write(engine, [check(1, 0.9, True), check(2, 0.2, False, outlook="complaint")])
    assert outlook_names(engine) == ["churn", "complaint"]
    assert calibration(engine, "complaint").base_rate == 0.0


def test_what_came_true_at_once_waits_for_what_may_still_not(engine: Engine) -> None:
    # One a day, of which every other one comes true, two days later. It is day 40: those made
    # until day 10 are all settled, of the later ones only those that came true.
    made = [
        check(day, 0.5, day % 2 == 0, made_day=day, settled_day=day + 2 if day % 2 == 0 else None)
        for day in range(39)
    ]
    now = samples.START + timedelta(days=40)
    write(engine, [one for one in made if one.settled_at <= now])
    found = calibration(engine, "churn")
    assert (found.n, found.immature) == (10, 15)  # days 0 to 9; the 10th's came true
    assert found.base_rate == 0.5


def test_if_all_came_true_those_a_horizon_old_count(engine: Engine) -> None:
    write(engine, [check(d, 0.9, True, made_day=d, settled_day=d + 1) for d in range(0, 50, 5)])
    found = calibration(engine, "churn")
    assert (found.n, found.immature) == (4, 6)  # days 0 to 15: the latest is settled on day 46


def test_a_period_is_of_when_outlooks_were_made(engine: Engine) -> None:
    write(engine, [check(day, 0.5, False, made_day=day) for day in range(10)])
    start = samples.START
    found = calibration(
        engine, "churn", since=start + timedelta(days=2), until=start + timedelta(days=5)
    )
    assert (found.n, found.immature) == (3, 0)


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
@example([(5e-324, False), (1e-170, False)])  # a square that is no double
def test_figures_are_those_of_their_definitions(
    engine: Engine, forecasts: list[tuple[float, bool]]
) -> None:
    write(engine, [check(n, *forecast) for n, forecast in enumerate(forecasts)])
    found = calibration(engine, "churn")
    n = len(forecasts)
    base = sum(happened for _, happened in forecasts) / n
    brier = sum((p - happened) ** 2 for p, happened in forecasts) / n
    assert found.n == sum(each.n for each in found.bins) == n
    assert found.base_rate == pytest.approx(base)
    assert found.brier == pytest.approx(brier)
    if 0 < base < 1:
        assert found.skill == pytest.approx(1 - brier / (base * (1 - base)))
    for each in found.bins:
        mine = [h for p, h in forecasts if each.low <= p < each.high or p == each.high == 1]
        assert each.n == len(mine)
        if mine:
            assert each.observed == pytest.approx(sum(mine) / len(mine))
            assert each.observed_low is not None
            assert each.observed_high is not None
            assert 0 <= each.observed_low <= each.observed_high <= 1


def test_forecasts_that_are_right_have_skill_and_their_bins_cover_them(engine: Engine) -> None:
    chance = random.Random(4)
    probabilities = [chance.random() for _ in range(4_000)]
    write(engine, [check(n, p, chance.random() < p) for n, p in enumerate(probabilities)])
    found = calibration(engine, "churn")
    assert found.skill == pytest.approx(1 / 3, abs=0.05)  # 1 - (1/6) / (1/4)
    covered = [
        each
        for each in found.bins
        if each.forecast is not None
        and each.observed_low is not None
        and each.observed_high is not None
        and each.observed_low <= each.forecast <= each.observed_high
    ]
    assert len(covered) >= 8


# R: prop.test(x, n, correct = FALSE)
@pytest.mark.parametrize(
    ("seen", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775328), (5, 10, 0.2365931, 0.7634069), (10, 10, 0.7224672, 1.0)],
)
def test_wilson_intervals_are_those_of_the_literature(
    seen: int, n: int, low: float, high: float
) -> None:
    assert wilson(seen / n, n) == pytest.approx((low, high), abs=1e-6)
