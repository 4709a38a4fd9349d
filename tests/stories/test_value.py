"""Stories of value: what the service was worth against the time, effort and money it took."""

from math import log
from typing import Any

import pytest

from pipeline.core.policy.compiled import Policy
from tests.stories.telling import CALL, MARCH, OBSERVED, VISIT, days_later, reading
from tests.unit.core import Life, changed_policy

ACCEPTABLE: dict[str, Any] = {
    "intent": "help",
    "wait_seconds": 60,
    "promised_wait_seconds": 60,
    "transfers": 1,
}


def called(**data: Any) -> Life:
    life = Life()
    life.happen(CALL, MARCH, {"intent": "help", "promised_wait_seconds": 60, **data})
    return life


def test_waiting_and_being_passed_on_eat_up_the_value() -> None:
    """One customer waits three minutes and is put through three times, another as long as is
    acceptable and to the right person at once. Service is worth less to the first, twice over:
    she liked it less, and it took her more."""
    hard = called(wait_seconds=180, transfers=3)
    # a minute is acceptable and one transfer: three times as much each, against three touches as
    # acceptable; time and effort are 0.4 of the burden each, money, of which nothing is known, 0.2
    burden = 0.4 * (3 + 3) / (1 + 3) + 0.4 * (3 + 3) / (1 + 3) + 0.2 * 1
    # how the call went: connect_speed below the norm, and a line that answered
    speed, access = 0.7 - 0.2 * log(3), 0.7
    weights = (
        (0.25 / 14 + 0.25 / 11 + 0.75 * 2 / 5 + 2 * 0.25 / 12 + 0.25 / 11) / 6,
        (0.25 / 14 + 0.75 / 6 + 3 * 0.25 / 12 + 0.25 / 11) / 6,
    )
    perceived = weights[0] * (speed + 3.5) / 6 + weights[1] * (access + 3.5) / 6
    expected = weights[0] * 0.7 + weights[1] * 0.7
    assert reading(hard).ratio == pytest.approx(perceived / expected)
    assert reading(hard).value == pytest.approx(perceived / expected / burden)
    easy = called(wait_seconds=60, transfers=1)
    assert reading(easy).band == "satisfied"
    assert reading(easy).value == pytest.approx(1.0)  # a service and a burden as acceptable
    assert reading(hard).value < 0.7


def test_a_transfer_less_is_worth_something_even_where_the_score_does_not_see_it() -> None:
    """Two calls felt the same but for the transfers: same score, same ratio, other value."""
    through, passed_on = called(wait_seconds=60), called(wait_seconds=60, transfers=2)
    assert through.score == passed_on.score
    assert reading(through).value == pytest.approx(
        reading(through).ratio / (0.4 * 1 + 0.4 * (0 + 3) / 4 + 0.2)
    )
    assert reading(passed_on).value == pytest.approx(
        reading(passed_on).ratio / (0.4 * 1 + 0.4 * (2 + 3) / 4 + 0.2)
    )


def test_patience_has_an_end() -> None:
    """Beyond three times what is acceptable it is as bad as it gets: an hour in the shop weighs as
    the half hour did."""
    burdens = []
    for wait_s in (1_800, 3_600):
        life = Life()
        life.happen(VISIT, MARCH, {"wait_seconds": wait_s})
        burdens.append(reading(life).ratio / reading(life).value)
    assert burdens == pytest.approx([0.4 * (3 + 3) / 4 + 0.4 + 0.2] * 2)


def test_a_fee_is_felt_where_events_tell_of_it() -> None:
    """The counter takes a fee of eight where four is acceptable: the catalogue says so, and the
    value falls although the service was the same."""

    def with_fee() -> Policy:
        def add(content: dict[str, Any]) -> None:
            rating = {"evidence": "rating", "measure": "measures.attitude", "worst": 1, "best": 5}
            content["touchpoints"]["counter"] = {
                "event": OBSERVED,
                "channel": "in_person",
                "felt": [{"dimension": "attitude", "by": rating}],
                "costs": [{"kind": "money", "measure": "measures.fee", "acceptable": 4}],
            }

        return changed_policy(add)

    ratios, values = [], []
    for fee in ({}, {"fee": 8}):
        life = Life(with_fee())
        data = {"touchpoint": "counter", "measures": {"attitude": 4, **fee}}
        life.happen(OBSERVED, MARCH, data)
        ratios.append(reading(life).ratio)
        values.append(reading(life).value)
    assert ratios[0] == ratios[1] == values[0]
    assert values[1] == pytest.approx(ratios[1] / (0.4 + 0.4 + 0.2 * (2 + 3) / (1 + 3)))


def called_daily(times: int, topic: str | None, **data: Any) -> Life:
    """One call a day about the same matter, each with the wait and the transfer acceptable."""
    life, told = Life(), {} if topic is None else {"topic": topic}
    for day in range(times):
        life.happen(CALL, days_later(day), ACCEPTABLE | told | data)
    return life


def burden_of(life: Life) -> float:
    return reading(life).ratio / reading(life).value


def test_to_come_again_for_what_was_not_settled_is_an_effort_of_its_own() -> None:
    """Five calls about one dead router cost the customer more than one: each call after the first
    took its wait and its transfer, and an effort besides, and should not have been needed. So all
    that is told of the one call that had to be, the older the less."""
    once, five = (called_daily(times, "router", resolved=False) for times in (1, 5))
    assert burden_of(once) == pytest.approx(1.0)
    repeats = 1 + 2 ** (-1 / 30) + 2 ** (-2 / 30) + 2 ** (-3 / 30)
    first = 2 ** (-4 / 30)
    time = (first + repeats + 3) / (first + 3)
    effort = (first + 2 * repeats + 3) / (first + 3)
    assert burden_of(five) == pytest.approx(0.4 * time + 0.4 * effort + 0.2)
    assert reading(five).value < reading(five).ratio < reading(once).value


@pytest.mark.parametrize("told", [{}, {"resolved": False}])
def test_five_quick_calls_about_one_matter_are_worth_less_than_one(told: dict[str, Any]) -> None:
    """Each call is answered at once and takes nothing but itself. Four of them are still too many,
    whether somebody said that the matter was left open or not."""
    burdens = []
    for times in (1, 5):
        life = Life()
        for day in range(times):
            quick = {"intent": "help", "topic": "router", "wait_seconds": 20}
            life.happen(CALL, days_later(day), quick | told)
        burdens.append(burden_of(life))
    repeats = 1 + 2 ** (-1 / 30) + 2 ** (-2 / 30) + 2 ** (-3 / 30)
    first = 2 ** (-4 / 30)
    time = ((first + repeats) * 20 / 60 + 3) / (first + 3)
    effort = (0 + repeats + 3) / (first + 3)  # nobody was put through, but four came again
    once = 0.4 * (1 / 3 + 3) / (1 + 3) + 0.4 * (0 + 3) / (1 + 3) + 0.2
    assert burdens == pytest.approx([once, 0.4 * time + 0.4 * effort + 0.2])
    assert burdens[1] > burdens[0]


def test_who_asks_five_different_things_comes_again_for_none() -> None:
    """As many calls, but of five matters: no effort beyond that of calling."""
    life = Life()
    for day, topic in enumerate(("router", "bill", "card", "address", "roaming")):
        life.happen(CALL, days_later(day), ACCEPTABLE | {"topic": topic, "resolved": False})
    assert burden_of(life) == pytest.approx(1.0)


def test_once_it_is_settled_a_later_question_on_it_is_no_burden() -> None:
    """The second call settles the matter. A month later the customer asks about the router again:
    nothing is open any more, so the second call alone was in vain."""
    life = called_daily(1, "router", resolved=False)
    about = ACCEPTABLE | {"topic": "router"}
    life.happen(CALL, days_later(1), about | {"resolved": True})
    assert reading(life).open_failures == 0
    life.happen(CALL, days_later(31), about)
    first, second, third = 2 ** (-31 / 30), 1 / 2, 1
    needed = first + third + 3  # and three of doubt
    time, effort = (needed + second) / needed, (needed + 2 * second) / needed
    assert burden_of(life) == pytest.approx(0.4 * time + 0.4 * effort + 0.2)
