"""Cases with clocks: a complaint made good in six steps, a repair in time, and what if not.

Hours of complaints are those of an office in Shanghai, 09:00 to 18:00 from Monday to Friday, which
is 01:00 to 10:00 UTC; 2 March 2026 is a Monday.
"""

from datetime import datetime
from typing import Any

import pytest

from pipeline.core.care.memory import Alarm
from pipeline.core.perceive.score import score_at
from schemas.care import CareCase
from tests.stories.telling import (
    CALL,
    CLOSED,
    COMPLAINT,
    HANDED_OVER,
    MESSAGE,
    PROFILE,
    REPAIR,
    RESOLVED,
    gold,
)
from tests.unit.core import Life, changed_policy

PROGRESSED = "touchpoint.complaint.progressed.v1"
REPAIR_OPENED = "touchpoint.repair.opened.v1"
STEPS = ["respect", "listen", "restate", "offer", "act", "check"]
MONDAY = "2026-03-02T02:00:00Z"  # 10:00 in Shanghai
MUCH_LATER = "2026-05-01T00:00:00Z"


def complained(life: Life | None = None, at: str = MONDAY, **data: Any) -> Life:
    life = life or Life()
    complaint = {"intent": "complaint", "complaint": "k-1", "topic": "parking"} | data
    life.happen(COMPLAINT, at, complaint)
    return life


def step(life: Life, name: str, at: str) -> None:
    life.happen(PROGRESSED, at, {"complaint": "k-1", "step": name})


def cases(life: Life) -> list[CareCase]:
    return [said.record for said in life.said if isinstance(said.record, CareCase)]


def case(life: Life, name: str = "k-1") -> CareCase:
    """How the case stands now."""
    return [each for each in cases(life) if each.case == name][-1]


def due(life: Life, name: str = "k-1") -> str:
    """When the latest clock of a case is due, in UTC."""
    return case(life, name).steps[-1].due.strftime("%m-%d %H:%M")


def alarms(life: Life) -> list[Alarm]:
    return [each for each in life.state.care.alarms if each.kind == "case"]


def breach_of(life: Life) -> tuple[str, datetime]:
    (felt,) = [each for each in life.contributions() if each.touchpoint == "case_breach"]
    return felt.event, felt.time


def tasks(life: Life, action: str, field: str) -> list[str]:
    return [each.fields[field] for each in life.actions(action)]


def test_a_complaint_is_made_good_in_six_steps_each_with_its_clock() -> None:
    life = complained()
    assert due(life) == "03-02 06:00"
    step(life, "respect", "2026-03-02T03:00:00Z")
    assert due(life) == "03-03 03:00"  # nine hours: seven today, two tomorrow
    step(life, "listen", "2026-03-02T04:00:00Z")
    assert due(life) == "03-02 08:00"
    step(life, "restate", "2026-03-02T05:00:00Z")
    step(life, "offer", "2026-03-02T06:00:00Z")
    assert due(life) == "03-05 06:00"
    life.happen(RESOLVED, "2026-03-03T06:00:00Z", {"complaint": "k-1"})
    assert (case(life).status, case(life).closed_at) == ("resolved", None)
    life.happen(CLOSED, "2026-03-04T06:00:00Z", {"complaint": "k-1", "satisfied": True})
    assert (
        [each.name for each in case(life).steps] == STEPS == tasks(life, "complaint_step", "step")
    )
    assert all(each.done and not each.breached for each in case(life).steps)
    assert (case(life).status, case(life).satisfied, case(life).breaches) == ("closed", True, 0)
    assert not alarms(life)
    assert len({each.id for each in cases(life)}) == 1
    life.tick(MUCH_LATER)
    assert not life.actions("escalation")


def test_only_the_customers_word_closes_a_complaint() -> None:
    life = complained()
    for name in STEPS:
        step(life, name, "2026-03-02T03:00:00Z")
    assert case(life).status == "open"
    life.happen(RESOLVED, "2026-03-02T04:00:00Z", {"complaint": "k-1"})
    life.tick(MUCH_LATER)
    assert case(life).status == "resolved"


def test_steps_before_the_one_that_was_done_count_as_done() -> None:
    life = complained()
    step(life, "offer", "2026-03-02T03:00:00Z")
    assert [each.name for each in case(life).steps if each.done] == STEPS[:4]
    assert tasks(life, "complaint_step", "step") == ["respect", "act"]


def test_a_gold_customers_clock_is_quicker() -> None:
    life = complained(gold(Life()))
    assert due(life) == "03-02 03:00"
    assert case(life).tier == "gold"


def test_a_repair_has_a_day_or_eight_hours_by_line_and_tier_day_and_night() -> None:
    for tier, line, expected in (
        (None, "broadband", "03-03 02:00"),
        ("gold", "broadband", "03-02 10:00"),
        (None, None, "03-03 02:00"),
        ("gold", "voice", "03-02 10:00"),
    ):
        life = Life()
        if tier:
            life.happen(PROFILE, "2026-03-01T00:00:00Z", {"tier": tier})
        life.happen(REPAIR_OPENED, MONDAY, {"repair": "r-1", "line": line})
        assert due(life, "r-1") == expected, (tier, line)


def test_a_repair_that_was_promised_for_a_time_has_that_time() -> None:
    life = Life()
    life.happen(REPAIR_OPENED, MONDAY, {"repair": "r-1", "due": "2026-03-02T05:00:00Z"})
    assert case(life, "r-1").steps[0].within_hours == 3
    life.happen(REPAIR, "2026-03-02T05:00:01Z", {"repair": "r-1", "resolved": True})
    assert case(life, "r-1").breaches == 1


def test_a_repair_that_did_not_help_goes_on_and_one_that_did_is_resolved() -> None:
    life = Life()
    life.happen(REPAIR_OPENED, MONDAY, {"repair": "r-1"})
    life.happen(REPAIR, "2026-03-02T08:00:00Z", {"repair": "r-1", "resolved": False})
    assert case(life, "r-1").status == "open"
    assert due(life, "r-1") == "03-03 02:00"
    life.happen(REPAIR, "2026-03-02T09:00:00Z", {"repair": "r-1", "resolved": True})
    assert case(life, "r-1").status == "resolved"
    assert not alarms(life)


def test_who_was_told_nothing_is_called_before_the_time_is_over() -> None:
    """Call early: before the customer asks, what was done, what will be, and by when."""
    life = Life()
    life.happen(PROFILE, "2026-03-01T00:00:00Z", {"time_zone": "Asia/Urumqi"})
    life.happen(REPAIR_OPENED, "2026-03-02T12:00:00Z", {"repair": "r-1", "topic": "no line"})
    assert life.tick("2026-03-03T06:04:59Z") == []
    life.tick("2026-03-03T06:05:00Z")  # three quarters of a day, and late events have come
    (notice,) = life.actions("proactive_notice")
    assert notice.channel == "phone"
    assert notice.decided_at.isoformat() == "2026-03-03T06:00:00+00:00"
    assert (notice.fields["next"], notice.fields["due"]) == ("repair", "2026-03-03 18:00+0600")
    assert case(life, "r-1").steps[0].warned


@pytest.mark.parametrize("how", ["message", "call", "step"])
def test_who_was_told_something_is_not_called_early(how: str) -> None:
    life = complained()
    at = "2026-03-02T02:30:00Z"
    if how == "message":
        told = {"channel": "sms", "purpose": "reply", "about": "k-1"}
        life.happen(MESSAGE, at, told)
    elif how == "call":
        life.happen(CALL, at, {"direction": "outbound", "topic": "parking"})
    else:
        step(life, "respect", at)
    life.tick(MUCH_LATER)
    assert life.told["cases", "complaint", "warned"] == 1
    assert not life.actions("proactive_notice")


def test_selling_something_else_is_no_word_about_the_complaint() -> None:
    life = complained()
    sold = {"channel": "sms", "purpose": "marketing", "topic": "spring sale"}
    life.happen(MESSAGE, "2026-03-02T02:30:00Z", sold)
    life.tick("2026-03-02T05:05:00Z")
    assert len(life.actions("proactive_notice")) == 1


def test_a_clock_that_runs_out_takes_the_case_up_level_by_level_and_no_further() -> None:
    life = complained()
    life.tick("2026-03-02T06:04:59Z")
    assert (case(life).breaches, case(life).level) == (0, 0)
    before = score_at(life.state, life.policy, life.state.as_of_s)
    life.tick("2026-03-02T06:05:00Z")
    assert (case(life).breaches, case(life).level) == (1, 1)
    assert case(life).steps[0].breached
    felt = life.contributions()[-1]
    assert (felt.touchpoint, [each.dimension for each in felt.felt]) == (
        "case_breach",
        ["recovery"],
    )
    assert score_at(life.state, life.policy, life.state.as_of_s) < before
    life.tick("2026-03-02T10:05:00Z")
    life.tick(MUCH_LATER)
    assert (case(life).breaches, case(life).level) == (2, 2)
    assert tasks(life, "escalation", "level") == ["province", "group"]
    assert [each.decided_at.hour for each in life.actions("escalation")] == [6, 10]
    assert [each.channel for each in life.actions("escalation")] == ["staff"] * 2
    assert not alarms(life)


def test_what_was_done_in_time_and_told_late_did_not_run_out() -> None:
    life, lucky = complained(), complained()
    life.tick("2026-03-02T07:00:00Z")
    assert case(life).breaches == 1
    for each in (life, lucky):
        step(each, "respect", "2026-03-02T05:59:00Z")
    assert (case(life).breaches, case(life).level) == (0, 0)
    assert not case(life).steps[0].breached
    assert life.told["cases", "complaint", "withdrawn"] == 1
    assert life.told["noticed", "case_breach", "withdrawn"] == 1
    mended, spared = (
        score_at(each.state, each.policy, life.state.as_of_s) for each in (life, lucky)
    )
    assert mended == pytest.approx(spared, abs=1e-9)


def test_a_step_that_was_done_late_ran_out_whether_a_tick_came_or_not() -> None:
    life, ticked = complained(), complained()
    ticked.tick("2026-03-02T07:00:00Z")
    for each in (life, ticked):
        step(each, "respect", "2026-03-02T08:00:00Z")
    assert case(life) == case(ticked)
    assert case(life).breaches == 1
    for each in (life, ticked):
        each.tick("2026-03-02T09:00:00Z")
        assert each.told["noticed", "case_breach", "noticed"] == 1  # at a tick, as every absence
    assert breach_of(life) == breach_of(ticked)


def test_a_customer_who_is_not_satisfied_opens_the_case_again_a_level_up() -> None:
    life = complained()
    life.happen(RESOLVED, "2026-03-02T03:00:00Z", {"complaint": "k-1"})
    life.happen(CLOSED, "2026-03-02T05:00:00Z", {"complaint": "k-1", "satisfied": False})
    now = case(life)
    assert (now.status, now.satisfied, now.reopened, now.level) == ("open", False, 1, 1)
    assert [each.name for each in now.steps] == ["respect"]
    assert due(life) == "03-02 09:00"
    life.happen(CLOSED, "2026-03-02T06:00:00Z", {"complaint": "k-1", "satisfied": True})
    assert (case(life).status, case(life).satisfied) == ("closed", True)


@pytest.mark.parametrize(
    ("at", "again"), [("2026-03-05T03:00:00Z", 1), ("2026-03-05T03:01:00Z", 0)]
)
def test_coming_again_within_three_days_opens_the_case_again(at: str, again: int) -> None:
    life = complained()
    life.happen(RESOLVED, "2026-03-02T03:00:00Z", {"complaint": "k-1"})
    life.happen(CALL, "2026-03-03T03:00:00Z", {"topic": "something else"})
    assert case(life).reopened == 0
    life.happen(CALL, at, {"topic": "parking", "intent": "complaint"})
    assert case(life).reopened == again


def test_the_same_complaint_told_again_opens_its_case_again_only_after_its_end() -> None:
    life = complained()
    complained(life, "2026-03-02T04:00:00Z")
    assert (case(life).reopened, len(life.state.care.cases)) == (0, 1)
    life.happen(RESOLVED, "2026-03-02T05:00:00Z", {"complaint": "k-1"})
    complained(life, "2026-03-09T05:00:00Z")
    assert (case(life).status, case(life).reopened) == ("open", 1)
    assert case(life).opened_at.isoformat() == "2026-03-02T02:00:00+00:00"
    life.happen(RESOLVED, "2026-03-02T04:30:00Z", {"complaint": "k-1"})  # of the round before
    assert case(life).status == "open"


def test_what_ran_out_before_a_reopening_stays_counted() -> None:
    life = complained()
    step(life, "act", "2026-03-02T08:00:00Z")
    life.happen(RESOLVED, "2026-03-02T08:00:00Z", {"complaint": "k-1"})
    complained(life, "2026-03-02T09:00:00Z")
    assert (case(life).breaches, case(life).level, case(life).reopened) == (1, 1, 1)
    assert not case(life).steps[0].breached


def test_two_complaints_on_one_topic_are_two_cases() -> None:
    life = complained()
    life.happen(RESOLVED, "2026-03-02T03:00:00Z", {"complaint": "k-1"})
    complained(life, "2026-03-02T04:00:00Z", complaint="k-2")
    assert (case(life).status, case(life, "k-2").status) == ("resolved", "open")
    assert case(life).id != case(life, "k-2").id


def test_hand_overs_are_counted_and_the_owner_is_the_latest() -> None:
    life = complained()
    handed = {"complaint": "k-1", "to_department": "captain"}
    life.happen(HANDED_OVER, "2026-03-02T05:00:00Z", handed)
    life.happen(HANDED_OVER, "2026-03-02T04:00:00Z", handed | {"to_department": "guards"})
    assert (case(life).hand_overs, case(life).owner) == (2, "captain")


def test_closed_before_it_was_opened_is_closed_when_the_opening_comes_late() -> None:
    life = Life()
    life.happen(CLOSED, "2026-03-02T05:00:00Z", {"complaint": "k-1", "satisfied": True})
    assert (case(life).status, life.actions("complaint_step")) == ("closed", [])
    complained(life)
    now = case(life)
    assert (now.status, now.topic, now.reopened) == ("closed", "parking", 0)
    assert now.opened_at.isoformat() == "2026-03-02T02:00:00+00:00"
    assert not alarms(life)


def test_an_opening_that_comes_late_shows_what_ran_out() -> None:
    life = Life()
    step(life, "respect", "2026-03-02T08:00:00Z")
    assert case(life).breaches == 0
    complained(life)
    assert case(life).breaches == 1


def test_a_step_after_the_end_changes_nothing() -> None:
    life = complained()
    life.happen(CLOSED, "2026-03-02T03:00:00Z", {"complaint": "k-1", "satisfied": True})
    before = case(life)
    step(life, "offer", "2026-03-02T04:00:00Z")
    assert case(life).steps == before.steps
    assert case(life).status == "closed"
    assert not alarms(life)


def test_the_new_tiers_clock_counts_for_what_is_not_yet_due() -> None:
    life = complained()
    life.happen(PROFILE, "2026-03-02T02:30:00Z", {"tier": "gold"})
    assert due(life) == "03-02 03:00"
    late = complained()
    late.happen(PROFILE, "2026-03-02T04:00:00Z", {"tier": "gold"})
    assert due(late) == "03-02 04:00"  # not before the customer was gold
    over = complained()
    over.happen(PROFILE, "2026-03-02T06:00:01Z", {"tier": "gold"})
    assert (due(over), case(over).breaches) == ("03-02 06:00", 1)
    same = complained()
    same.happen(PROFILE, "2026-03-02T04:00:00Z", {"language": "zh"})
    assert len(cases(same)) == 1


def test_ended_cases_give_way_first_and_an_open_one_that_must_go_is_told() -> None:
    life = Life()
    for number in range(3):
        complained(life, f"2026-03-02T02:0{number}:00Z", complaint=f"k-{number}")
    life.happen(CLOSED, "2026-03-02T03:00:00Z", {"complaint": "k-2", "satisfied": True})
    complained(life, "2026-03-02T04:00:00Z", complaint="k-3")
    assert [each.name for each in life.state.care.cases] == ["k-0", "k-1", "k-3"]
    assert life.told["cases", "complaint", "dropped"] == 0
    complained(life, "2026-03-02T04:00:00Z", complaint="k-4")
    assert [each.name for each in life.state.care.cases] == ["k-1", "k-3", "k-4"]
    assert life.told["cases", "complaint", "dropped"] == 1
    assert len(alarms(life)) == 3


def test_a_long_name_is_known_by_its_digest() -> None:
    life = Life()
    name = "\U0001f642" * 20
    complained(life, complaint=name)
    life.happen(CLOSED, "2026-03-02T03:00:00Z", {"complaint": name, "satisfied": True})
    assert cases(life)[-1].status == "closed"
    assert cases(life)[-1].case.startswith("sha:")
    assert len(life.state.care.cases) == 1


def test_without_its_section_nothing_is_followed() -> None:
    def off(content: dict[str, Any]) -> None:
        del content["cases"]

    life = complained(Life(changed_policy(off)))
    assert (cases(life), alarms(life), life.actions()) == ([], [], [])
