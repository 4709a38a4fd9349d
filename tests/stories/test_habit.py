"""Stories of habit: good service once given becomes the norm."""

from typing import Any

import pytest

from tests.stories.telling import REPAIR, days_later, read_dimension, reading, survey
from tests.unit.core import Life, changed_policy

DAY_S = 86_400
QUICK = 0.7 + 0.2 * 1.0986122886681098  # within a day where three were promised: ln 3


def repaired(life: Life, times: int, every_days: float) -> Life:
    """Somebody comes to the house within 24 hours each time, where 72 are promised."""
    for number in range(times):
        data = {"repair": f"r{number}", "seconds_to_repair": DAY_S, "promised_seconds": 3 * DAY_S}
        life.happen(REPAIR, days_later(every_days * number), data)
    return life


def repaired_every_week(life: Life, weeks: int) -> Life:
    return repaired(life, weeks, 7)


def remembered(weeks: int, half_life_days: float) -> float:
    """The weight of one touch a week, each counting less the longer ago it was."""
    return sum(2 ** (-7 * week / half_life_days) for week in range(weeks))


@pytest.mark.parametrize("weeks", [1, 6, 104])
def test_the_quick_home_visit_is_taken_for_granted_in_time(weeks: int) -> None:
    """The first time it is a surprise. After two years the visits are as quick as ever, but the
    customer has become used to them: most of what lies above the norm is expected by now."""
    life = repaired_every_week(Life(), weeks)
    short, long = remembered(weeks, 30), remembered(weeks, 180)
    expected = 0.7 + 0.8 * long / (long + 5) * (QUICK - 0.7)
    perceived = (short * QUICK + 5 * expected) / (short + 5)  # what is doubted is as one is used to
    found = read_dimension(life, "waiting")
    assert (found.perceived, found.expected) == pytest.approx((perceived, expected))
    assert found.experience == pytest.approx(expected - 0.7)
    assert reading(life).ratio == pytest.approx(perceived / expected)


@pytest.mark.parametrize("weeks", [1, 12, 104])
def test_who_is_always_served_above_the_norm_is_not_merely_tolerated(weeks: int) -> None:
    """Used to it or not: to get a little more than one counts on is enough."""
    assert reading(repaired_every_week(Life(), weeks)).band == "satisfied"


def test_habit_takes_the_pleasure_and_leaves_the_score() -> None:
    """Satisfaction rises with the first quick visits to 107 %; then it falls, although each is as
    quick, and after two years little more than half of that is left. The score, which does not ask
    what one is used to, stays up."""
    ratios, scores = [], []
    for weeks in (1, 5, 12, 104):
        life = repaired_every_week(Life(), weeks)
        ratios.append(reading(life).ratio)
        scores.append(life.score)
    assert 1 < ratios[0] < ratios[1] > ratios[2] > ratios[3]
    assert ratios == pytest.approx([1.044, 1.073, 1.066, 1.044], abs=0.001)
    assert 75 < scores[0] < scores[1] < scores[2] < scores[3]


@pytest.mark.parametrize(
    ("every_days", "times", "ratio"),
    [
        (7, 104, 1.044),
        (1, 365, 1.049),
    ],
)
def test_in_the_end_even_the_quick_visit_is_hardly_more_than_expected(
    every_days: int, times: int, ratio: float
) -> None:
    """Where a touch comes every so many days for ever, its weights sum to 1 / (1 - 2 ** (-days /
    half-life)). Whether weekly or daily: in the end a customer served far above the norm is hardly
    more satisfied than one who gets what everybody gets, and never less."""
    life = repaired(Life(), times, every_days)
    short, long = (1 / (1 - 2 ** (-every_days / half_life)) for half_life in (30, 180))
    above = QUICK - 0.7
    used_to = 0.7 + 0.8 * long / (long + 5) * above
    steady = (short * QUICK + 5 * used_to) / (short + 5) / used_to
    assert steady == pytest.approx(ratio, abs=0.001)
    assert reading(life).ratio == pytest.approx(steady, abs=0.01)
    assert 1.0 < reading(life).ratio < 1.06


def test_without_habit_the_pleasure_would_last() -> None:
    """Somebody who never gets used to anything would still be at 118 % after two years; a customer
    who does is at 104 %."""

    def never_used(content: dict[str, Any]) -> None:
        content["ratio"]["experience_share"] = {"value": 0, "source": "a customer without memory"}

    ratios = [
        reading(repaired_every_week(Life(policy), 104)).ratio
        for policy in (None, changed_policy(never_used))
    ]
    short, long = remembered(104, 30), remembered(104, 180)
    used_to = 0.7 + 0.8 * long / (long + 5) * (QUICK - 0.7)
    by_hand = [(short * QUICK + 5 * usual) / (short + 5) / usual for usual in (used_to, 0.7)]
    assert ratios == pytest.approx(by_hand)
    assert ratios == pytest.approx([1.04, 1.18], abs=0.01)


def test_who_was_spoilt_is_disappointed_by_the_ordinary() -> None:
    """Ten excellent clerks, then for half a year only ordinary ones. A newcomer would be content;
    this customer misses what was."""
    spoilt, newcomer = Life(), Life()
    for _ in range(10):
        survey(spoilt, attitude=5)
    for week in range(1, 27):
        for life in (spoilt, newcomer):
            survey(life, at=days_later(7 * week), attitude=3.8)
    assert reading(newcomer).ratio == pytest.approx(1.0)
    assert reading(spoilt).ratio < 0.97
    # ten at 1.0 that lie 182 days back, and one a week at 0.7 since
    weeks = [2 ** (-7 * week / 180) for week in range(26)]
    old = 10 * 2 ** (-182 / 180)
    usual_to = (old * 1.0 + sum(weeks) * 0.7) / (old + sum(weeks))
    expected = 0.7 + 0.8 * (old + sum(weeks)) / (old + sum(weeks) + 5) * (usual_to - 0.7)
    assert read_dimension(spoilt, "attitude").expected == pytest.approx(expected)


def test_poor_service_does_not_make_modest() -> None:
    """Ten times a rude clerk: the customer expects the norm as before, and is as unhappy."""
    life = Life()
    for _ in range(10):
        survey(life, attitude=1)
    assert read_dimension(life, "attitude").expected == 0.7
    assert reading(life).ratio == pytest.approx((5 * 0.7 / 15) / 0.7)
