"""Stories of what did not come: an answer to a complaint, a word of the customer, what was due."""

from typing import Any

import pytest

from pipeline.core.perceive.score import score_at
from tests.stories.telling import (
    BROKEN,
    CALL,
    CLOSED,
    COMPLAINT,
    KEPT,
    MARCH,
    MESSAGE,
    MESSAGE_FAILED,
    PROFILE,
    PROGRESSED,
    PROMISED,
    RESOLVED,
    TRANSACTION,
    VISIT,
    WITHDRAWN,
    days_later,
    gold,
    noticed,
    reading,
)
from tests.unit.core import Life, changed_policy

SILENCE = "silence_after_complaint"
LATE = "late_against_promise"
REPLY = {"channel": "sms", "purpose": "reply"}
COMPLAINED = {"complaint": "k-1", "topic": "bill"}
DAY = 1.0
TICK = 0.001
"""A little more than a minute, in days: late events have come by then."""


def complained() -> Life:
    life = Life()
    life.happen(COMPLAINT, MARCH, COMPLAINED)
    return life


def wait_until(life: Life, days: float) -> None:
    life.tick(days_later(days))


def score_of(life: Life, days: float) -> float:
    at_s = life.state.since_s + days * 86_400
    return score_at(life.state, life.policy, at_s)


def test_a_day_without_an_answer_is_felt_as_a_promise_broken_and_calls_for_a_call() -> None:
    life = complained()
    before = score_of(life, DAY)
    wait_until(life, DAY)
    assert noticed(life, SILENCE) == 0  # not before late events have come
    wait_until(life, DAY + TICK)
    assert noticed(life, SILENCE) == 1
    found = life.contributions()[-1]
    assert [each.dimension for each in found.felt] == ["trust"]
    assert found.time.isoformat() == "2026-03-02T00:00:00+00:00"
    assert score_of(life, DAY) < before
    (call,) = life.actions("call_back")
    assert call.fields["what"] == "nobody got in touch about a complaint"


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (MESSAGE, REPLY),
        (CALL, {"direction": "outbound", "topic": "bill"}),
        (VISIT, {"place": "home"}),
        (PROGRESSED, {"complaint": "k-1", "step": "respect"}),
        (RESOLVED, {"complaint": "k-1"}),
        (CLOSED, {"complaint": "k-1", "satisfied": True}),
        ("touchpoint.staff.cared.v1", {"care": "flowers", "channel": "in_person"}),
    ],
)
def test_whoever_gets_in_touch_in_time_keeps_no_silence(answer: str, data: dict[str, Any]) -> None:
    life = complained()
    life.happen(answer, days_later(0.9), data)
    wait_until(life, 2)
    assert noticed(life, SILENCE) == 0


@pytest.mark.parametrize(
    ("other", "data"),
    [
        (MESSAGE, {"channel": "sms", "purpose": "marketing"}),
        (MESSAGE, {"channel": "sms", "purpose": "alert"}),
        (MESSAGE, {"channel": "chat", "direction": "inbound"}),
        (MESSAGE_FAILED, REPLY),
        (CALL, {"direction": "outbound", "abandoned": True}),
        (CALL, {"direction": "outbound", "topic": "roaming"}),  # another matter
        (VISIT, {"place": "shop"}),
        (PROGRESSED, {"complaint": "k-2", "step": "act"}),
        ("touchpoint.complaint.handed_over.v1", {"complaint": "k-1"}),
    ],
)
def test_what_is_no_answer(other: str, data: dict[str, Any]) -> None:
    life = complained()
    life.happen(other, days_later(0.5), data)
    wait_until(life, 2)
    assert noticed(life, SILENCE) == 1


def test_an_answer_before_the_complaint_is_none_and_a_second_late_is_late() -> None:
    life = Life()
    life.happen(MESSAGE, MARCH, REPLY)
    life.happen(COMPLAINT, MARCH, COMPLAINED)
    life.happen(MESSAGE, "2026-03-02T00:00:01Z", REPLY)
    wait_until(life, 2)
    assert noticed(life, SILENCE) == 1


def test_what_was_felt_is_taken_back_if_the_answer_had_come_in_time() -> None:
    life, lucky = complained(), complained()
    wait_until(life, DAY + TICK)
    for each in (life, lucky):
        each.happen(MESSAGE, days_later(0.9), REPLY)
    assert noticed(life, SILENCE, "withdrawn") == 1
    assert score_of(life, 2) == pytest.approx(score_of(lucky, 2), abs=1e-9)
    assert life.state.evidence * 2 ** ((0.9 - DAY) / 30) != lucky.state.evidence
    confidences = [reading(each).confidence for each in (life, lucky)]
    assert confidences[0] == pytest.approx(confidences[1], abs=2e-2)


@pytest.mark.parametrize("at", [1.5, -0.5])
def test_an_answer_too_late_or_too_early_takes_nothing_back(at: float) -> None:
    life = complained()
    wait_until(life, DAY + TICK)
    life.happen(MESSAGE, days_later(at), REPLY)
    assert noticed(life, SILENCE, "withdrawn") == 0


def test_a_complaint_told_of_after_its_answer_is_answered() -> None:
    life = Life()
    life.happen(MESSAGE, days_later(0.5), REPLY)
    life.happen(COMPLAINT, MARCH, COMPLAINED)
    assert not life.alarms("silence_after_complaint")


def test_each_of_two_complaints_on_one_topic_has_its_clock() -> None:
    life = complained()
    life.happen(COMPLAINT, days_later(0.5), COMPLAINED | {"complaint": "k-2"})
    life.happen(PROGRESSED, days_later(0.6), {"complaint": "k-2", "step": "respect"})
    wait_until(life, 3)
    assert noticed(life, SILENCE) == 1  # of the first
    (felt,) = [each for each in life.contributions() if each.touchpoint == SILENCE]
    assert felt.time.isoformat() == "2026-03-02T00:00:00+00:00"


def test_one_complaint_told_of_twice_has_one_clock() -> None:
    life = complained()
    life.happen(COMPLAINT, days_later(0.5), COMPLAINED)
    wait_until(life, DAY + TICK)
    life.happen(COMPLAINT, days_later(1.5), COMPLAINED)
    wait_until(life, 3)
    assert noticed(life, SILENCE) == 1


def test_a_gold_customer_may_expect_an_answer_within_eight_hours() -> None:
    life = gold(Life())
    life.happen(COMPLAINT, MARCH, COMPLAINED)
    wait_until(life, 8 / 24 + TICK)
    assert noticed(life, SILENCE) == 1


def test_a_clock_that_runs_is_that_of_the_tier_it_was_started_for() -> None:
    life = complained()
    life.happen(PROFILE, days_later(0.1), {"tier": "gold"})
    wait_until(life, 0.5)
    assert noticed(life, SILENCE) == 0
    wait_until(life, DAY + TICK)
    assert noticed(life, SILENCE) == 1


def test_a_clock_of_a_pattern_that_was_switched_off_runs_out_into_nothing() -> None:
    life = complained()
    life.happen(PROMISED, MARCH, {"promise": "p-1", "due": days_later(DAY)})

    def off(content: dict[str, Any]) -> None:
        del content["patterns"][SILENCE], content["patterns"][LATE]

    life.policy = changed_policy(off)
    wait_until(life, DAY + TICK)
    assert (noticed(life, SILENCE), noticed(life, LATE)) == (0, 0)
    assert not life.alarms("silence_after_complaint")


def closed() -> Life:
    life = complained()
    life.happen(PROGRESSED, MARCH, {"complaint": "k-1", "step": "check"})
    life.happen(CLOSED, days_later(1), {"complaint": "k-1", "satisfied": True})
    return life


def test_who_is_not_heard_of_for_a_fortnight_after_a_complaint_is_asked_how_it_is() -> None:
    life = closed()
    before = score_of(life, 15)
    wait_until(life, 15 + TICK)
    assert noticed(life, "check_in") == 1
    assert score_of(life, 15) == before  # it is the customer who is silent
    assert "nothing was heard" in life.actions("call_back")[-1].fields["what"]


@pytest.mark.parametrize(
    ("sign", "data"),
    [
        (CALL, {}),
        (TRANSACTION, {"amount": 5, "currency": "CNY"}),
        ("touchpoint.survey.answered.v1", {"survey": "s", "answers": {"attitude": 5}}),
    ],
)
def test_a_customer_who_goes_on_as_ever_is_left_alone(sign: str, data: dict[str, Any]) -> None:
    life, late = closed(), closed()
    life.happen(sign, days_later(10), data)
    wait_until(life, 15 + TICK)
    assert noticed(life, "check_in") == 0
    wait_until(late, 15 + TICK)
    late.happen(sign, days_later(10), data)
    assert noticed(late, "check_in", "withdrawn") == 1


def test_what_the_company_does_is_no_sign_of_life_and_what_is_denied_is_not_closed() -> None:
    life, denied = closed(), complained()
    life.happen(MESSAGE, days_later(5), REPLY)
    denied.happen(CLOSED, days_later(1), {"complaint": "k-1", "satisfied": False})
    for each in (life, denied):
        wait_until(each, 15 + TICK)
    assert (noticed(life, "check_in"), noticed(denied, "check_in")) == (1, 0)


def promised(due: float | None = 1.0) -> Life:
    life = Life()
    data = {"promise": "p-1"} | ({} if due is None else {"due": days_later(due)})
    life.happen(PROMISED, MARCH, data)
    return life


def test_a_promise_whose_time_has_passed_is_felt_and_apologised_for() -> None:
    life = promised()
    wait_until(life, 1 + TICK)
    assert noticed(life, LATE) == 1
    assert [each.dimension for each in life.contributions()[-1].felt] == ["trust"]
    (apology,) = life.actions("apology")
    assert apology.fields["what"] == "a promise was not kept in time"
    assert score_of(life, 1) < 75


@pytest.mark.parametrize("end", [KEPT, BROKEN, WITHDRAWN])
@pytest.mark.parametrize("ticks", [(), (1.5,), (1.5, 1.6)])
def test_when_it_ends_late_the_end_alone_stands(end: str, ticks: tuple[float, ...]) -> None:
    """Late is the smaller failure, broken the larger one; being overdue is not felt on top."""
    life, untold = promised(), Life(changed_policy(_nothing_is_noticed))
    untold.happen(PROMISED, MARCH, {"promise": "p-1", "due": days_later(1)})
    for days in ticks:
        wait_until(life, days)
    for each in (life, untold):
        each.happen(end, days_later(2), {"promise": "p-1"})
    wait_until(life, 2.5)
    assert noticed(life, LATE) == noticed(life, LATE, "withdrawn") == 1
    assert score_of(life, 3) == pytest.approx(score_of(untold, 3), abs=1e-9)
    assert len(life.actions("apology")) == 1  # late it was


def _nothing_is_noticed(content: dict[str, Any]) -> None:
    del content["patterns"]
    content["care"] = {}


def test_overdue_weighs_more_than_late_and_less_than_broken() -> None:
    scores = []
    for end in (KEPT, None, BROKEN):
        life = promised()
        if end is not None:
            life.happen(end, days_later(1.5), {"promise": "p-1"})
        wait_until(life, 2)
        scores.append(score_of(life, 2))
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize("end", [KEPT, BROKEN, WITHDRAWN])
def test_a_promise_that_ended_in_time_is_not_late(end: str) -> None:
    life, other = promised(), Life()
    life.happen(end, days_later(0.5), {"promise": "p-1"})
    other.happen(end, days_later(0.5), {"promise": "p-1"})  # heard of before it was made
    other.happen(PROMISED, MARCH, {"promise": "p-1", "due": days_later(1)})
    for each in (life, other):
        wait_until(each, 2)
        assert noticed(each, LATE) == 0


def test_kept_late_and_heard_of_before_it_was_made_is_late() -> None:
    life = Life()
    life.happen(KEPT, days_later(2), {"promise": "p-1"})
    life.happen(PROMISED, MARCH, {"promise": "p-1", "due": days_later(1)})
    before = score_of(life, 3)
    wait_until(life, 3)
    assert (noticed(life, LATE), noticed(life, LATE, "withdrawn")) == (1, 1)
    assert score_of(life, 3) == pytest.approx(before, abs=1e-9)


def test_one_that_was_kept_in_time_and_is_heard_of_late_was_never_overdue() -> None:
    life, lucky = promised(), promised()
    wait_until(life, 1 + TICK)
    for each in (life, lucky):
        each.happen(KEPT, days_later(0.9), {"promise": "p-1"})
    assert score_of(life, 2) == pytest.approx(score_of(lucky, 2), abs=1e-9)


def test_no_due_time_is_no_lateness_and_a_later_one_counts_if_told_in_time() -> None:
    life, moved = promised(due=None), promised()
    moved.happen(PROMISED, days_later(0.5), {"promise": "p-1", "due": days_later(3)})
    for each in (life, moved):
        wait_until(each, 2)
        assert noticed(each, LATE) == 0
    wait_until(moved, 3 + TICK)
    assert noticed(moved, LATE) == 1


def test_what_may_be_withdrawn_is_not_pushed_out_by_what_there_is_more_of() -> None:
    """A promise is overdue, and many purchases were not told of: it can still end."""
    life = promised()
    wait_until(life, 1 + TICK)
    for minute in range(6):
        data = {"amount": 5, "currency": "CNY"}
        life.happen(TRANSACTION, f"2026-03-02T01:{minute:02d}:00Z", data)
    wait_until(life, 1.5)
    life.happen(KEPT, days_later(2), {"promise": "p-1"})
    assert noticed(life, LATE, "withdrawn") == 1


def test_a_promise_moved_in_time_and_told_of_late_was_not_late_then() -> None:
    life = promised()
    wait_until(life, 1 + TICK)
    life.happen(PROMISED, days_later(0.5), {"promise": "p-1", "due": days_later(3)})
    assert noticed(life, LATE, "withdrawn") == 1
    wait_until(life, 3 + TICK)
    assert noticed(life, LATE) == 2


def test_a_promise_moved_when_it_was_late_stays_late() -> None:
    life = promised()
    wait_until(life, 1 + TICK)
    life.happen(PROMISED, days_later(1.5), {"promise": "p-1", "due": days_later(3)})
    wait_until(life, 3 + TICK)
    assert (noticed(life, LATE), noticed(life, LATE, "withdrawn")) == (1, 0)
