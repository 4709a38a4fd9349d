"""Stories of satisfaction: perceived over expected, and why more is not always better."""

from math import sqrt

import pytest

from pipeline.core.perceive.ratio import layer_ratios
from tests.stories.telling import (
    GIFT,
    MARCH,
    MESSAGE,
    VISIT,
    days_later,
    read_dimension,
    reading,
    survey,
)
from tests.unit.core import Life


def rated(times: int, rating: float) -> Life:
    life = Life()
    for _ in range(times):
        survey(life, attitude=rating)
    return life


def test_exactly_as_expected_is_a_hundred_per_cent() -> None:
    """A word on social media that is neither kind nor cold finds a customer exactly as content
    as she expected to be."""
    life = Life()
    data = {"channel": "social", "direction": "inbound", "sentiment": 0}
    life.happen(MESSAGE, MARCH, data)
    assert (reading(life).ratio, reading(life).band) == (1.0, "satisfied")


@pytest.mark.parametrize("times", [1, 2, 3, 7, 30])
def test_as_expected_stays_as_expected_however_often(times: int) -> None:
    """A clerk who is as friendly as everybody expects, once or every day: satisfied."""
    life = rated(times, 3.8)  # 0.7
    assert reading(life).ratio == pytest.approx(1.0)
    assert reading(life).band == "satisfied"


@pytest.mark.parametrize("every_days", [1, 7, 30])
def test_exactly_as_expected_reads_satisfied_over_time(every_days: int) -> None:
    """Nor does it matter how far apart the meetings are and how far they have faded."""
    for times in range(1, 25):
        life = Life()
        for number in range(times):
            survey(life, at=days_later(every_days * number), attitude=3.8)
        assert reading(life).band == "satisfied", times


@pytest.mark.parametrize(
    ("rating", "perceived", "expected", "band"),
    [
        # four touches of a quality, five of doubt at what the customer is used to, here 0.7
        (1.8, (4 * 0.2 + 3.5) / 9, 0.7, "failing"),  # 0.68, below adequate 0.5 / 0.7
        (3.0, (4 * 0.5 + 3.5) / 9, 0.7, "tolerated"),  # 0.87
        # above the norm 0.8 of it becomes a habit, as far as four touches of nine make one:
        # 0.7 + 0.8 * 4 / 9 * 0.2 = 0.7711
        (4.6, (4 * 0.9 + 5 * 0.7711111) / 9, 0.7711111, "satisfied"),  # 1.07
    ],
)
def test_satisfaction_is_the_perceived_over_the_expected(
    rating: float, perceived: float, expected: float, band: str
) -> None:
    """Four times a clerk who is rude, indifferent, friendly: the ratio tells what that is worth to
    somebody who expects 0.7, and the band what to do about it."""
    life = rated(4, rating)
    found = read_dimension(life, "attitude")
    assert (found.perceived, found.expected) == pytest.approx((perceived, expected))
    assert reading(life).ratio == pytest.approx(perceived / expected)
    assert reading(life).band == band


def test_the_ratio_reads_by_dimension_by_layer_and_overall() -> None:
    """A friendly clerk in a shabby shop: the interaction is above expectation, the supporting
    service below, and overall they weigh as customers of this grade weigh them."""
    life = Life()
    survey(life, attitude=5, environment=1)
    used_to = 0.7 + 0.8 * 1 / 6 * 0.3
    friendly = ((1.0 + 5 * used_to) / 6, used_to)
    shabby = ((0.0 + 3.5) / 6, 0.7)
    score = reading(life)
    layers = {name: each.layer for name, each in life.policy.file.dimensions.items()}
    assert layer_ratios(score.dimensions, layers) == pytest.approx(
        {"interaction": friendly[0] / friendly[1], "supporting_service": shabby[0] / shabby[1]}
    )
    # over the six intents: enquiry, help, fault, complaint, purchase, none
    usual = (0.25 / 14 + 0.25 / 11 + 3 * 0.25 / 12 + 0.25 / 11) / 6
    named = (0.25 / 14 + 0.25 / 11 + 2 * 0.25 / 12 + 0.75 * 2 / 6 + 0.25 / 11) / 6
    perceived = named * friendly[0] + usual * shabby[0]
    expected = named * friendly[1] + usual * shabby[1]
    assert score.ratio == pytest.approx(perceived / expected)


def test_one_gift_is_no_over_delivery() -> None:
    """A single present pleases, and the customer is 113 % satisfied: nothing was wasted on her."""
    life = Life()
    life.happen(GIFT, MARCH, {"gift": "tea"})
    expected = 0.5 + 0.8 * 1 / 6 * 0.5
    perceived = (1.0 + 5 * expected) / 6
    assert (
        reading(life).ratio
        == pytest.approx(perceived / expected)
        == pytest.approx(1.1275, abs=1e-4)
    )
    assert (reading(life).band, reading(life).over_servicing) == ("satisfied", 0)


@pytest.mark.parametrize(
    ("gifts", "ratio", "band"),
    [
        (2, 1.179, "satisfied"),
        (3, 1.202, "over_delivery"),
        (5, 1.214, "over_delivery"),
        (10, 1.203, "over_delivery"),
        (20, 1.176, "satisfied"),
    ],
)
def test_the_tenth_gift_satisfies_less_than_the_fifth(gifts: int, ratio: float, band: str) -> None:
    """Presents in one day: the third is one too many, and who is given so much soon counts on it,
    so that from the sixth on each brings less satisfaction, not more."""
    life = Life()
    for _ in range(gifts):
        life.happen(GIFT, MARCH, {"gift": "tea"})
    expected = 0.5 + 0.8 * gifts / (gifts + 5) * 0.5
    perceived = (gifts * 1.0 + 5 * expected) / (gifts + 5)
    found = reading(life)
    assert found.ratio == pytest.approx(perceived / expected) == pytest.approx(ratio, abs=1e-3)
    wasted = gifts * 15 * max(1 - 1.2 / (perceived / expected), 0)
    assert found.band == band
    assert found.over_servicing == pytest.approx(wasted)


def test_beyond_the_target_the_company_pays_for_nothing() -> None:
    """For half a year nobody cared for the customer; then somebody sends five presents in a day,
    and she who expects little is at 135 %. What lies above 120 % bought nothing, so that part of
    what the presents cost is told as over-servicing."""
    life = Life()
    for _ in range(10):
        survey(life, attention=1)
    for _ in range(5):
        life.happen(GIFT, days_later(180), {"gift": "tea"})
    # after six half-lives of an impression ten answers weigh as 10 / 64, after one half-life of
    # habit as 5: on the mean just what is usual of attention, so nothing is expected beyond
    old = 10 / 64
    mean = 5 / (5 + old)
    deviation = sqrt((mean - mean**2) * (5 + old) / (5 + old + 5))
    perceived = (5 * 1.0 + 5 * 0.5) / (5 + old + 5) - 0.5 * deviation
    ratio = perceived / 0.5
    score = reading(life)
    assert score.ratio == pytest.approx(ratio) == pytest.approx(1.35, abs=0.01)
    assert score.band == "over_delivery"
    assert score.over_servicing == pytest.approx(5 * 15 * (1 - 1.2 / ratio))


def test_within_the_target_nothing_is_over_servicing() -> None:
    """Three home visits by friendly staff cost sixty each and are worth it: 107 %."""
    life = Life()
    for _ in range(3):
        life.happen(VISIT, MARCH, {"place": "home", "ratings": {"attitude": 4.6}})
    expected = 0.7 + 0.8 * 3 / 8 * 0.2
    perceived = (3 * 0.9 + 5 * expected) / 8
    assert reading(life).ratio == pytest.approx(perceived / expected)
    assert reading(life).band == "satisfied"
    assert reading(life).over_servicing == 0
