"""Every card transaction is told to the customer at once, unless the customer says otherwise."""

import pytest

from pipeline.core.policy.load import load_policy
from schemas.care import CareAction, CareDecision
from tests.unit.core import Life, one_care
from tests.unit.events import DEFAULT_POLICY

TRANSACTION = "touchpoint.transaction.completed.v1"
PROFILE = "touchpoint.customer.profiled.v1"
NOON = "2026-03-02T12:00:00Z"


def buy(life: Life, amount: float, **data: object) -> CareAction | CareDecision:
    made = {"amount": amount, "currency": "CNY", **data}
    life.happen(TRANSACTION, NOON, made)
    return one_care(life)


def test_the_silent_bank_is_no_more_even_a_small_purchase_is_told() -> None:
    care = buy(Life(), 0.5, merchant="Noodles", account="**42")
    assert isinstance(care, CareAction)
    assert (care.action, care.action_class, care.channel) == (
        "transaction_alert",
        "required",
        "sms",
    )
    assert care.fields["amount"] == "0.50"
    assert care.fields["merchant"] == "Noodles"
    assert care.decided_at.isoformat() == "2026-03-02T12:00:00+00:00"


def test_the_tier_chooses_the_channel_and_the_customer_overrides_it() -> None:
    life = Life()
    life.happen(PROFILE, NOON, {"tier": "gold"})
    assert getattr(buy(life, 5), "channel", None) == "push"
    life.happen(PROFILE, NOON, {"alerts": {"channel": "email"}})
    assert getattr(buy(life, 5), "channel", None) == "email"
    assert life.state.profile.tier == "gold"  # what a profile leaves out stays known


@pytest.mark.parametrize(("amount", "sent"), [(99.99, False), (100, True), (500, True)])
def test_a_threshold_of_the_customers_own(amount: float, sent: bool) -> None:
    life = Life()
    life.happen(PROFILE, NOON, {"alerts": {"threshold": 100}})
    care = buy(life, amount)
    assert isinstance(care, CareAction if sent else CareDecision)
    if isinstance(care, CareDecision):
        assert (care.outcome, care.reason) == ("withheld", "below_threshold")
        assert care.detail == "99.99 is below 100.00, set by the customer"


def test_a_threshold_of_the_tier() -> None:
    text = DEFAULT_POLICY.replace("gold: {channel: push}", "gold: {threshold: 50}")
    life = Life(load_policy(text, name="p").policy)
    assert isinstance(buy(life, 49), CareAction)
    life.happen(PROFILE, NOON, {"tier": "gold"})
    assert isinstance(buy(life, 49), CareDecision)


def test_who_wants_no_alerts_gets_none_with_the_reason_kept() -> None:
    life = Life()
    life.happen(PROFILE, NOON, {"alerts": {"wanted": False}})
    care = buy(life, 1_000)
    assert isinstance(care, CareDecision)
    assert care.reason == "not_wanted"


def test_a_deposit_is_no_occasion() -> None:
    deposit = {"amount": 5, "currency": "CNY", "kind": "deposit"}
    life = Life()
    life.happen(TRANSACTION, NOON, deposit)
    assert not life.actions()
    assert not life.decisions()


def test_a_declined_purchase_is_told_too() -> None:
    care = buy(Life(), 5, approved=False)
    assert isinstance(care, CareAction)
    assert care.fields["approved"] == "no"


def test_the_same_transaction_twice_is_one_alert_with_one_id() -> None:
    bought = {"amount": 5, "currency": "CNY"}
    life, other, elsewhere = Life(), Life(), Life()
    life.happen(TRANSACTION, NOON, bought, id="t-1")
    assert life.happen(TRANSACTION, NOON, bought, id="t-1").contribution is None
    assert not life.last
    other.happen(TRANSACTION, NOON, bought, id="t-1")
    elsewhere.happen(TRANSACTION, NOON, bought, id="t-1", source="/other")
    (alert,), (same,), (another,) = life.actions(), other.actions(), elsewhere.actions()
    assert alert.id == same.id != another.id
