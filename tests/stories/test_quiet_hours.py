"""Nobody is woken by a word of regret: it waits for the morning of the customer's own day."""

from typing import Any

import pytest

from tests.stories.telling import MESSAGE
from tests.unit.core import Life, changed_policy
from tests.unit.guarding import CARE, PROFILE, at, buy, guarded, opt_out, outcomes

QUIET = {
    "begins": "21:00",
    "ends": "08:00",
    "zone": "UTC",
    "classes": ["service", "care", "marketing"],
}
LATE, MORNING = 22.0, 32.0


def night(**changes: Any) -> Life:
    return Life(guarded(quiet=QUIET, **changes))


def test_what_is_decided_at_night_goes_out_in_the_morning() -> None:
    life = night()
    buy(life, LATE)
    assert outcomes(life) == [("held", "quiet_hours")]
    (held,) = life.decisions(CARE)
    assert held.until is not None
    assert held.until.isoformat() == at(MORNING)
    assert not life.actions()
    assert not life.tick(at(MORNING - 0.01))
    life.tick(at(MORNING))
    (action,) = life.actions(CARE)
    assert action.id == held.id
    assert action.decided_at.isoformat() == at(MORNING)
    assert action.quiet is not None
    assert (action.quiet.begins, action.quiet.ends) == ("21:00", "08:00")
    assert outcomes(life) == [("held", "quiet_hours"), ("requested", "requested")]
    assert not life.state.care.pending
    assert not life.alarms("held")


def test_by_day_it_goes_out_at_once_and_carries_the_hours_along() -> None:
    life = night()
    buy(life, 12)
    (action,) = life.actions(CARE)
    assert action.quiet is not None
    assert action.quiet.zone == "UTC"


@pytest.mark.parametrize(
    ("zone", "outcome"),
    [("Asia/Shanghai", "held"), ("America/Lima", "requested"), ("Mars/Olympus", "requested")],
)
def test_it_is_the_customers_own_night(zone: str, outcome: str) -> None:
    life = night()
    life.happen(PROFILE, at(0), {"time_zone": zone})
    buy(life, 15)  # 23:00 in Shanghai, 10:00 in Lima; of no such zone the policy's counts
    assert outcomes(life)[0][0] == outcome


def test_what_would_be_too_late_in_the_morning_expires() -> None:
    life = night(action={"expires_hours": 4})
    buy(life, LATE)
    assert outcomes(life) == [("expired", "quiet_hours")]
    assert not life.alarms("held")


def test_what_is_owed_at_once_passes_unless_the_tier_has_quiet_alerts() -> None:
    alerts = {"gold": {"classes": ["required"], "begins": "23:00"}}
    life = Life(guarded(quiet=QUIET | {"tiers": alerts}, alert={"enabled": True}))
    buy(life, LATE)
    assert outcomes(life, "transaction_alert") == [("requested", "requested")]
    life.happen(PROFILE, at(LATE), {"tier": "gold", "alerts": {"channel": "email"}})
    buy(life, 22.5)
    buy(life, 23.5)
    life.tick(at(MORNING))
    assert [each.channel for each in life.actions("transaction_alert")] == ["sms"] + ["email"] * 2
    assert outcomes(life, "transaction_alert")[2] == ("held", "quiet_hours")


def test_a_task_of_staff_wakes_nobody() -> None:
    life = night(action={"channels": ["staff", "sms"]})
    buy(life, LATE)
    assert outcomes(life) == [("requested", "requested")]


def test_who_closes_the_channel_at_night_hears_nothing_in_the_morning() -> None:
    life = night(action={"channels": ["sms"]})
    buy(life, LATE)
    opt_out(life, 23, "sms")
    life.tick(at(MORNING))
    assert outcomes(life)[1:] == [("withheld", "no_consent")]
    assert not life.actions()
    assert not life.state.care.contacted


def test_time_that_passes_in_one_leap_to_the_next_night_holds_it_again_and_tells_it_once() -> None:
    life = night()
    buy(life, LATE)
    life.tick(at(LATE + 24))
    assert outcomes(life) == [("held", "quiet_hours")]
    life.tick(at(MORNING + 24))
    assert outcomes(life) == [("held", "quiet_hours"), ("requested", "requested")]


def test_where_there_is_no_room_to_wait_it_is_not_done() -> None:
    life = night(limits={"pending": 1})
    buy(life, LATE)
    buy(life, LATE + 0.1)
    assert outcomes(life)[1] == ("withheld", "no_room")
    short = night(limits={"pending_bytes": 128})
    buy(short, LATE, id="i" * 128)
    assert outcomes(short) == [("withheld", "no_room")]


def test_a_regret_that_waits_is_not_sent_if_there_was_nothing_to_regret() -> None:
    life = Life(changed_policy(lambda content: content.update(decide={"quiet": QUIET})))
    buy(life, LATE, id="t-1")
    life.tick(at(LATE + 0.1))
    assert outcomes(life) == [("held", "quiet_hours")]  # no alert had come
    alert = {"channel": "sms", "purpose": "alert", "about": "t-1"}
    life.happen(MESSAGE, at(LATE + 0.001), alert)  # it had, and is told of late
    life.tick(at(MORNING))
    assert outcomes(life) == [("held", "quiet_hours"), ("withheld", "withdrawn")]
    assert not life.actions(CARE)


def test_what_waits_for_an_action_that_a_new_policy_does_not_have_is_not_done() -> None:
    life = night()
    buy(life, LATE)
    life.policy = guarded(quiet=QUIET, action={"enabled": False})
    life.tick(at(MORNING))
    assert outcomes(life) == [("held", "quiet_hours"), ("withheld", "not_in_policy")]


def test_a_clock_that_is_put_forward_shortens_the_night() -> None:
    life = Life(guarded(quiet=QUIET | {"zone": "Europe/Berlin"}))
    buy(life, 26 * 24 + 22)  # the 28th of March, 23:00 in Berlin
    (held,) = life.decisions(CARE)
    assert held.until is not None
    assert held.until.isoformat() == "2026-03-29T06:00:00+00:00"
