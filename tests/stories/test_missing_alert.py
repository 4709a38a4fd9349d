"""A purchase of which the customer is not told: silence is felt, and made good if it was none."""

from typing import Any

import pytest

from pipeline.core.perceive.score import score_at
from tests.stories.telling import MESSAGE, TRANSACTION
from tests.unit.core import Life, changed_policy

NOON = "2026-03-02T12:00:00Z"
BOUGHT = {"amount": 80, "currency": "CNY"}


def bought() -> Life:
    life = Life()
    life.happen(TRANSACTION, NOON, BOUGHT, id="t-1")
    return life


def told(life: Life, at: str, about: str) -> None:
    life.happen(MESSAGE, at, {"channel": "sms", "purpose": "alert", "about": about})


def test_an_alert_in_time_is_awaited_no_more() -> None:
    life = bought()
    (alert,) = life.actions("transaction_alert")
    told(life, "2026-03-02T12:00:08Z", alert.id)
    assert life.tick("2026-03-02T12:05:00Z") == []
    assert not life.alarms("missing_alert")


def test_no_alert_within_its_time_is_a_failure_of_security_and_calls_for_an_apology() -> None:
    life = bought()
    before = life.score
    assert life.tick("2026-03-02T12:01:04Z") == []  # not before late events have come
    life.tick("2026-03-02T12:01:05Z")
    assert life.told["noticed", "missing_alert", "noticed"] == 1
    (apology,) = life.actions("apology")
    assert apology.decided_at.isoformat() == "2026-03-02T12:01:00+00:00"
    contribution = life.contributions()[-1]
    assert contribution.touchpoint == "missing_alert"
    assert [each.dimension for each in contribution.felt] == ["security"]
    assert contribution.score_after is not None
    assert contribution.score_after < before


def test_what_was_felt_is_taken_back_if_the_alert_had_come_in_time_after_all() -> None:
    life, lucky = bought(), bought()
    (alert,) = life.actions("transaction_alert")
    life.tick("2026-03-02T12:01:05Z")
    told(life, "2026-03-02T12:00:08Z", alert.id)
    told(lucky, "2026-03-02T12:00:08Z", alert.id)
    assert life.told["noticed", "missing_alert", "withdrawn"] == 1
    later_s = life.state.as_of_s
    mended, spared = (score_at(each.state, each.policy, later_s) for each in (life, lucky))
    assert mended == pytest.approx(spared, abs=1e-9)


def test_one_that_came_too_late_stays_missing() -> None:
    life = bought()
    (alert,) = life.actions("transaction_alert")
    life.tick("2026-03-02T12:01:05Z")
    told(life, "2026-03-02T12:03:00Z", alert.id)
    assert life.told["noticed", "missing_alert", "withdrawn"] == 0


def test_a_replay_gives_the_same_notice_and_the_same_apology() -> None:
    one, other = bought(), bought()
    one.tick("2026-03-02T12:01:05Z")
    other.tick("2026-03-02T12:45:00Z")
    assert one.contributions()[-1].event == other.contributions()[-1].event
    assert [a.id for a in one.actions("apology")] == [a.id for a in other.actions("apology")]


def test_of_a_history_handed_in_later_nobody_can_tell_what_was_missing() -> None:
    life = bought()
    life.tick("2026-03-10T12:00:00Z")
    assert life.told["noticed", "missing_alert", "history"] == 1
    assert life.told["noticed", "missing_alert", "noticed"] == 0


def test_an_apology_that_needs_approval_is_requested_and_says_so() -> None:
    def ask_first(content: dict[str, Any]) -> None:
        content["care"]["actions"]["apology"]["needs_approval"] = True

    life = Life(changed_policy(ask_first))
    life.happen(TRANSACTION, NOON, BOUGHT, id="t-1")
    life.tick("2026-03-02T12:01:05Z")
    (apology,), (alert,) = life.actions("apology"), life.actions("transaction_alert")
    assert (apology.needs_approval, alert.needs_approval) == (True, False)
