"""Before the customer acts the service is ready: what may come, why, and whether it came."""

from datetime import datetime
from typing import Any

import pytest

from pipeline.core.anticipate import forecasts
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import PolicyError
from schemas.outlook import Outlook, OutlookCheck
from tests.stories.telling import CALL, COMPLAINT, RESOLVED, TRANSACTION, days_later, reading
from tests.unit.core import Life, changed_policy

LEFT = "touchpoint.customer.left.v1"
BOUGHT = {"amount": 80, "currency": "CNY"}


def outlook(life: Life, name: str) -> Outlook:
    (found,) = [each for each in reading(life).outlooks if each.name == name]
    return found


def checks(life: Life, name: str) -> list[OutlookCheck]:
    every = [said.record for said in life.said if isinstance(said.record, OutlookCheck)]
    return [each for each in every if each.outlook == name]


def moment(day: float) -> datetime:
    return datetime.fromisoformat(days_later(day))


def hung_up(life: Life, day: float) -> None:
    life.happen(CALL, days_later(day), {"topic": "card", "abandoned": True})


def test_whoever_hung_up_is_likely_to_call_again_and_it_says_why() -> None:
    calm, waiting = Life(), Life()
    calm.happen(TRANSACTION, days_later(0), BOUGHT)
    hung_up(waiting, 0)
    before, after = (outlook(each, "repeat_contact") for each in (calm, waiting))
    assert before.probability == pytest.approx(0.1, abs=0.01)
    assert before.reasons == ()
    assert after.probability > 0.5
    assert [each.reading for each in after.reasons] == ["open_failures", "recent_contacts"]


def test_what_was_made_good_makes_a_complaint_less_likely() -> None:
    life = Life()
    life.happen(COMPLAINT, days_later(0), {"complaint": "k-1", "severity": 4})
    angry = outlook(life, "complaint").probability
    life.happen(RESOLVED, days_later(1), {"complaint": "k-1", "outcome_justice": 1})
    assert outlook(life, "complaint").probability < angry / 2


def test_a_call_that_comes_again_proves_the_outlook_made_before_it() -> None:
    life = Life()
    hung_up(life, 0)
    said = outlook(life, "repeat_contact").probability
    life.happen(CALL, days_later(1), {"topic": "card"})
    (check,) = checks(life, "repeat_contact")
    assert (check.happened, check.probability, check.horizon_days) == (True, said, 3)
    assert (check.made_at, check.settled_at) == (moment(0), moment(1))
    assert life.told["outlook", "repeat_contact", "0.5", "yes"] == 1


def test_a_call_on_another_topic_or_too_late_proves_nothing() -> None:
    life = Life()
    hung_up(life, 0)
    life.happen(CALL, days_later(1), {"topic": "loan"})
    life.happen(CALL, days_later(3.5), {"topic": "card"})
    life.tick(days_later(4))
    (check,) = checks(life, "repeat_contact")
    assert not check.happened
    assert check.settled_at == moment(3)


def test_when_the_horizon_has_passed_it_did_not_happen() -> None:
    life = Life()
    life.happen(TRANSACTION, days_later(0), BOUGHT)
    assert checks(life, "complaint") == []
    life.tick(days_later(14))
    assert checks(life, "complaint") == []  # late events may still come
    life.tick(days_later(14.001))
    (check,) = checks(life, "complaint")
    assert not check.happened
    life.tick(days_later(91))
    assert [each.happened for each in checks(life, "churn")] == [False]
    assert life.state.care.alarms == []


def test_the_complaint_itself_is_not_in_its_own_outlook() -> None:
    life = Life()
    life.happen(COMPLAINT, days_later(0), {"complaint": "k-1"})
    assert [each.outlook for each in life.state.care.forecasts] == ["repeat_contact", "churn"]
    life.happen(TRANSACTION, days_later(1), BOUGHT)
    made = next(each for each in life.state.care.forecasts if each.outlook == "complaint")
    life.happen(COMPLAINT, days_later(0.5), {"complaint": "k-2"})  # came late: known already
    assert made.waits
    life.happen(COMPLAINT, days_later(2), {"complaint": "k-3"})
    (check,) = checks(life, "complaint")
    assert check.happened
    assert check.made_at == moment(1)


def test_the_next_one_is_made_a_day_later_at_the_earliest() -> None:
    life = Life()
    life.happen(TRANSACTION, days_later(0), BOUGHT)
    life.happen(COMPLAINT, days_later(0.1), {"complaint": "k-1"})
    life.happen(TRANSACTION, days_later(0.5), BOUGHT)
    (settled,) = [each for each in life.state.care.forecasts if each.outlook == "complaint"]
    assert not settled.waits
    life.happen(TRANSACTION, days_later(1), BOUGHT)
    (next_one,) = [each for each in life.state.care.forecasts if each.outlook == "complaint"]
    assert next_one.waits


def test_a_customer_who_leaves_was_likely_to_or_not() -> None:
    life = Life()
    hung_up(life, 0)
    life.happen(LEFT, days_later(20), {"reason": "attitude"})
    assert [each.happened for each in checks(life, "churn")] == [True]


def listening(call_above: float = 0.18, clear_below: float = 0.15) -> Policy:
    def change(content: dict[str, Any]) -> None:
        content["outlooks"]["churn"] |= {"call_above": call_above, "clear_below": clear_below}
        content["care"]["actions"]["apology"]["on"] = ["outlook.churn"]

    return changed_policy(change)


def test_a_likely_loss_calls_for_care_once_until_it_was_unlikely_again() -> None:
    life = Life(listening())
    life.happen(TRANSACTION, days_later(0), BOUGHT)
    assert life.actions("apology") == []
    hung_up(life, 1)
    (apology,) = life.actions("apology")
    assert "open_failures 2" in apology.reason
    hung_up(life, 2)
    life.happen(CALL, days_later(3), {"topic": "card", "resolved": True})
    low = outlook(life, "churn").probability
    assert low < 0.15, low
    hung_up(life, 60)
    assert len(life.actions("apology")) == 2


def test_between_the_two_thresholds_it_stays_as_it_was() -> None:
    life = Life(listening(call_above=0.2, clear_below=0.01))
    for day in range(3):
        hung_up(life, 10 * day)
        life.happen(CALL, days_later(10 * day + 1), {"topic": "card", "resolved": True})
    assert len(life.actions("apology")) == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"happens_on": ["touchpoint.customer.gone.v1"]}, "unknown event type"),
        (
            {"terms": [{"reading": "luck", "coefficient": {"value": 1, "source": "made up"}}]},
            "'luck'",
        ),
        (
            {"terms": [{"reading": "quality", "coefficient": {"value": 1, "source": "made up"}}]},
            "needs",
        ),
        ({"clear_below": 0.9}, "must not be above call_above"),
        ({"intercept": -2}, "source"),
    ],
)
def test_an_outlook_that_cannot_be_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(PolicyError, match=what):
        changed_policy(lambda content: content["outlooks"]["churn"].update(change))


def test_an_action_cannot_wait_for_an_outlook_that_nobody_asks_for() -> None:
    def change(content: dict[str, Any]) -> None:
        content["care"]["actions"]["apology"]["on"] = ["outlook.boredom"]

    with pytest.raises(PolicyError, match=r"unknown trigger 'outlook\.boredom'"):
        changed_policy(change)


def test_what_was_said_of_an_id_that_goes_is_checked_with_the_one_that_stays() -> None:
    gone, stays = Life(name="gone"), Life(name="stays")
    hung_up(gone, 1)
    stays.happen(COMPLAINT, days_later(0), {"complaint": "k-1"})  # so no outlook of complaints
    mine, theirs = stays.state.care, gone.state.care
    said = {each.outlook: each.until_s for each in (*theirs.forecasts, *mine.forecasts)}
    forecasts.join(mine, theirs, stays.policy)
    assert {each.outlook: each.until_s for each in mine.forecasts} == said
    stays.tick(days_later(100))
    assert [len(checks(stays, name)) for name in said] == [1, 1, 1]
    assert {each.customer for each in checks(stays, "complaint")} == {"stays"}
