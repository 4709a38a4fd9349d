"""Stories of two banks: one tells of every purchase at once, the other keeps silent below 500."""

from math import log
from typing import Any

import pytest

from schemas.care import CareAction, CareDecision
from tests.stories.telling import (
    MARCH,
    MESSAGE,
    MESSAGE_FAILED,
    PROFILE,
    TRANSACTION,
    at_level,
    qualities,
    value_of,
)
from tests.unit.core import Life, changed_policy, one_care

BOUGHT = 0.2 * (0.25 / 11) * 0.1 * (0.02 / 0.2) ** 0.88  # that the card works is taken for granted
TOLD_AT_ONCE = 0.2 * 0.15 * 1.5**0.88  # security: as good as it gets, where 0.7 is usual


def buy(life: Life, amount: float) -> CareAction | CareDecision:
    life.happen(TRANSACTION, MARCH, {"amount": amount, "currency": "CNY"})
    return one_care(life)


def alerted(life: Life, delay_s: float, type_name: str = MESSAGE) -> float:
    data = {"channel": "sms", "purpose": "alert", "delay_seconds": delay_s}
    return value_of(life.happen(type_name, MARCH, data), "security")


def silent_below_500(content: dict[str, Any]) -> None:
    content["care"]["transaction_alert"]["threshold"] = 500


def test_the_bank_that_tells_of_every_purchase_keeps_the_small_spender() -> None:
    """A ticket for ten. The alert is there in two seconds: nobody else used the card."""
    life = Life()
    action = buy(life, 10)
    assert isinstance(action, CareAction)
    assert action.reason == "10.00 reaches 0.00, set by the policy"
    assert alerted(life, 2) == pytest.approx(TOLD_AT_ONCE)
    assert life.score == pytest.approx(at_level(BOUGHT + TOLD_AT_ONCE))


def test_the_bank_that_keeps_silent_below_500_decides_so_and_it_can_be_seen() -> None:
    """Five small purchases, and not a word: the small spender is told nothing and gains no
    security. Each silence is on record with its reason; the large purchase is told of."""
    silent, telling = Life(changed_policy(silent_below_500)), Life()
    for _ in range(5):
        decision = buy(silent, 80)
        assert isinstance(decision, CareDecision)
        assert (decision.outcome, decision.reason) == ("withheld", "below_threshold")
        assert decision.detail == "80.00 is below 500.00, set by the policy"
        assert isinstance(buy(telling, 80), CareAction)
        alerted(telling, 2)
    assert silent.score == pytest.approx(at_level(5 * BOUGHT))
    assert telling.score == pytest.approx(at_level(5 * BOUGHT + 5 * TOLD_AT_ONCE))
    assert isinstance(buy(silent, 500), CareAction)


def test_the_customers_own_wish_breaks_the_silence() -> None:
    """A small spender of the silent bank asks to be told of everything above five."""
    life = Life(changed_policy(silent_below_500))
    life.happen(PROFILE, MARCH, {"alerts": {"threshold": 5}})
    action = buy(life, 10)
    assert isinstance(action, CareAction)
    assert action.reason == "10.00 reaches 5.00, set by the customer"


def test_an_alert_that_comes_late_frightens_more_than_a_prompt_one_reassures() -> None:
    """Two minutes after the purchase: who was that?"""
    life = Life()
    late = alerted(life, 120)
    assert late == pytest.approx(-2.25 * 0.2 * 0.15 * (0.2 * log(12) / 0.2) ** 0.88)
    assert late < -3 * TOLD_AT_ONCE


@pytest.mark.parametrize("told", [{}, {"delay_seconds": 1}, {"delay_seconds": 3_600}])
def test_an_alert_that_did_not_arrive_leaves_the_customer_alone_with_her_card(
    told: dict[str, Any],
) -> None:
    """The SMS fails: next to nothing is left of the feeling that the bank watches over the card,
    however soon the operator gave up, and also where nobody says when. Three zones below what is
    expected is the most."""
    life = Life()
    data = {"channel": "sms", "purpose": "alert", **told}
    outcome = life.happen(MESSAGE_FAILED, MARCH, data)
    assert qualities(outcome) == pytest.approx({"security": 0.1})
    assert value_of(outcome, "security") == pytest.approx(-2.25 * 0.2 * 0.15 * 3**0.88)
    assert life.score < 72


def test_nobody_misses_the_advertisement_that_did_not_arrive() -> None:
    """The same failure of a message that sells something frightens nobody."""
    life = Life()
    life.happen(MESSAGE_FAILED, MARCH, {"channel": "sms", "purpose": "marketing"})
    assert life.score == pytest.approx(75)


def test_one_lost_alert_undoes_four_prompt_ones() -> None:
    """Four alerts came at once, the fifth not at all. The customer feels less secure than if she
    had never had any."""
    life = Life()
    for _ in range(4):
        alerted(life, 2)
    life.happen(MESSAGE_FAILED, MARCH, {"channel": "sms", "purpose": "alert"})
    level = 4 * TOLD_AT_ONCE - 2.25 * 0.2 * 0.15 * 3**0.88
    assert life.score == pytest.approx(at_level(level))
    assert 4 * 1.5**0.88 < 2.25 * 3**0.88 < 5 * 1.5**0.88
    assert life.score < 75
