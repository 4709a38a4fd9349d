"""Stories of consistency: the same quality every time, or good days and bad days."""

from math import sqrt
from typing import Any

import pytest

from tests.stories.telling import read_dimension, reading, survey
from tests.unit.core import Life, changed_policy

GOOD_DAYS_AND_BAD = (4.6, 3.0, 4.6, 3.0)  # 0.9 and 0.5
EVERY_DAY_ALIKE = (3.8, 3.8, 3.8, 3.8)  # 0.7


def without_inconsistency(content: dict[str, Any]) -> None:
    content["ratio"]["inconsistency"] = {"value": 0, "source": "a customer who does not mind"}


def served(life: Life, *ratings: float) -> Life:
    for rating in ratings:
        survey(life, attitude=rating)
    return life


def test_good_days_and_bad_days_are_worth_less_than_every_day_alike() -> None:
    """Two shops are as friendly on average. In one it depends on who is on duty: there the
    customer perceives less, by half a standard deviation, and is less satisfied."""
    alike, uneven = served(Life(), *EVERY_DAY_ALIKE), served(Life(), *GOOD_DAYS_AND_BAD)
    assert reading(alike).ratio == pytest.approx(1.0)
    assert reading(alike).band == "satisfied"
    # both means are 0.7, which is also the norm; the variance of 0.9 and 0.5 is 0.2 ** 2, shrunk
    # as four touches against five of doubt
    deviation = sqrt(0.2**2 * 4 / (4 + 5))
    perceived = 0.7 - 0.5 * deviation
    assert read_dimension(uneven, "attitude").perceived == pytest.approx(perceived)
    assert reading(uneven).ratio == pytest.approx(perceived / 0.7)
    assert reading(uneven).band == "tolerated"


def test_inconsistency_itself_takes_nothing_off_the_score() -> None:
    """The score adds up what each day meant, no more: whether the customer minds the ups and
    downs changes the ratio alone. (That bad days weigh more than good ones is felt day by day.)"""
    minds = served(Life(), *GOOD_DAYS_AND_BAD)
    does_not = served(Life(changed_policy(without_inconsistency)), *GOOD_DAYS_AND_BAD)
    assert minds.score == does_not.score
    assert reading(does_not).ratio == pytest.approx(1.0)
    assert reading(minds).ratio == pytest.approx(1 - 0.5 * 0.2 * (2 / 3) / 0.7)


def test_a_good_service_that_never_varies_is_not_punished() -> None:
    """The same quality for years: five friendly visits are all alike, so nothing is taken off."""
    life = served(Life(), *[4.6] * 5)
    # five visits and five of doubt, at what the customer is used to by now
    expected = 0.7 + 0.8 * 5 / (5 + 5) * 0.2
    quality = (5 * 0.9 + 5 * expected) / (5 + 5)
    assert read_dimension(life, "attitude").perceived == pytest.approx(quality)
    assert reading(life).ratio == pytest.approx(quality / expected)
