"""The clerk who follows you around: attention has a measure, and so has what it costs."""

from typing import Any

from tests.stories.telling import COMPLAINT, RESOLVED
from tests.unit.core import Life
from tests.unit.guarding import (
    CARE,
    CONSENT,
    at,
    buy,
    cap,
    guarded,
    opt_out,
    outcomes,
    sourced,
)

DONE = ("requested", "requested")
CAPPED = ("withheld", "cap")
SMS = {"channels": ["sms"]}


def followed(**guards: Any) -> Life:
    return Life(guarded(**guards))


def test_the_third_contact_of_a_day_is_one_too_many_and_the_day_is_any_24_hours() -> None:
    life = followed(action=SMS, caps=[cap("a_day", 2, 24)])
    for hours in (1, 20, 24.9, 25.1, 26):
        buy(life, hours)
    assert outcomes(life) == [DONE, DONE, CAPPED, DONE, CAPPED]
    assert life.decisions(CARE)[2].detail == "a_day: 2 in 24 h by sms is reached"


def test_a_channel_that_had_enough_gives_way_to_the_next() -> None:
    life = followed(caps=[cap("sms", 1, 24, channels=["sms"])])
    buy(life, 1)
    buy(life, 2)
    # Until it is known which channel the first one took, it counts for both that it may take.
    assert [(each.channel, each.fallbacks) for each in life.actions()] == [
        ("sms", ("email",)),
        ("email", ()),
    ]


def test_where_no_channel_is_left_the_reason_is_that_of_the_first() -> None:
    life = followed(caps=[cap("sms", 1, 24, channels=["sms"])])
    buy(life, 1)
    opt_out(life, 2, "email")
    buy(life, 3)
    assert outcomes(life)[1] == CAPPED
    other = followed(action={"channels": ["email", "sms"]}, caps=[cap("sms", 0, 24)])
    opt_out(other, 1, "email")
    buy(other, 2)
    assert outcomes(other) == [("withheld", "no_consent")]


def test_what_has_to_be_told_passes_every_cap_and_takes_no_room_but_stops_at_a_closed_door() -> (
    None
):
    life = followed(caps=[cap("none", 0, 24)], alert={"enabled": True})
    for hours in range(40):
        buy(life, hours / 10)
    assert life.told["decided", "transaction_alert", "requested", "requested"] == 40
    assert not life.state.care.contacted
    opt_out(life, 5, "sms", "service")
    buy(life, 6)
    assert outcomes(life, "transaction_alert")[-1] == ("withheld", "no_consent")


def test_a_task_of_staff_is_no_contact() -> None:
    life = followed(action={"channels": ["staff"]}, caps=[cap("none", 0, 24)])
    buy(life, 1)
    assert outcomes(life) == [DONE]


def test_what_cannot_be_remembered_is_not_done_so_that_no_cap_is_broken() -> None:
    few = {"remembered_contacts": 2}
    life = followed(action=SMS, limits=few, caps=[cap("a_week", 9, 168)])
    for hours in (1, 2, 3, 200):
        buy(life, hours)
    assert outcomes(life) == [DONE, DONE, ("withheld", "no_room"), DONE]


def test_two_weeks_pass_between_two_attentions_of_a_kind() -> None:
    life = followed(cool_down={"days": sourced(14), "classes": ["care"]})
    for day in (0, 13.9, 14.1):
        buy(life, 24 * day)
    assert outcomes(life) == [DONE, ("withheld", "cool_down"), DONE]


def test_what_does_not_go_together_is_not_done_whichever_came_first() -> None:
    rival = {"conflicts": ["transaction_alert"], "conflict_hours": 10}
    served = {"enabled": True, "action_class": "service"}
    life = followed(action=rival, alert=served)
    buy(life, 1)
    first, second = outcomes(life, None)
    assert first == DONE
    assert second == ("withheld", "conflict")
    by_name = {each.action: each.outcome for each in life.decisions()}
    assert set(by_name.values()) == {"requested", "withheld"}
    buy(life, 5)
    assert outcomes(life, None).count(DONE) == 2  # the one that went does not exclude itself


def test_nobody_is_sold_anything_while_a_complaint_is_open() -> None:
    life = followed(action={"action_class": "marketing"}, open_complaint={"classes": ["marketing"]})
    consent = {"channel": "sms", "purpose": "marketing", "granted": True}
    life.happen(CONSENT, at(0), consent)
    life.happen(COMPLAINT, at(1), {"complaint": "k-1", "topic": "parking"})
    buy(life, 2)
    life.happen(RESOLVED, at(3), {"complaint": "k-1", "topic": "parking"})
    buy(life, 4)
    assert outcomes(life) == [("withheld", "open_complaint"), DONE]


def test_selling_needs_a_yes() -> None:
    life = followed(action={"action_class": "marketing"})
    buy(life, 1)
    assert outcomes(life) == [("withheld", "no_consent")]


def test_who_is_to_be_left_in_peace_is_left_in_peace_but_still_served() -> None:
    life = followed()
    buy(life, 1)
    life.state.care.silent_until_s = life.state.as_of_s + 10 * 3_600
    buy(life, 10)
    buy(life, 12)
    assert outcomes(life) == [DONE, ("withheld", "silence"), DONE]
    served = followed(action={"action_class": "service"})
    buy(served, 1)
    served.state.care.silent_until_s = served.state.as_of_s + 10 * 3_600
    buy(served, 2)
    assert outcomes(served) == [DONE, DONE]


def test_more_than_enough_is_not_added_to() -> None:
    band = {"target_high": sourced(1.05)}
    life = followed(over_delivery={"classes": ["care"]}, ratio=band)
    buy(life, 1)
    for day in range(1, 20):
        best = dict.fromkeys(("environment", "attitude", "knowledge", "resolution"), 5)
        life.happen("touchpoint.survey.answered.v1", at(day), {"survey": "s", "answers": best})
    buy(life, 30)
    assert outcomes(life) == [DONE, ("withheld", "over_delivery")]


def test_what_costs_more_than_it_brings_is_not_done_for_this_customer() -> None:
    worth = {"classes": ["care"], "year_share": sourced(0.01), "largest_factor": sourced(5)}
    life = followed(action={"cost": 20}, worth=worth | {"tiers": {"gold": 2}})
    buy(life, 1)  # a point of a usual customer is worth 12
    profile = "touchpoint.customer.profiled.v1"
    life.happen(profile, at(2), {"revenue": 200})
    buy(life, 3)
    life.happen(profile, at(4), {"revenue": 1})  # no less than a fifth of the usual one
    buy(life, 5)
    life.happen(profile, at(6), {"revenue": 100, "tier": "gold"})
    buy(life, 7)
    worthless = ("withheld", "worthless")
    assert outcomes(life) == [worthless, DONE, worthless, DONE]
    assert life.decisions(CARE)[2].detail == "worth 2.40, and it costs 20.00"
