"""Stories of what several touches say together: coming back, coming graver, being run after."""

import pytest

from tests.stories.telling import (
    CALL,
    CLOSED,
    COMPLAINT,
    DIGITAL,
    MARCH,
    MESSAGE,
    OBSERVED,
    RESOLVED,
    VISIT,
    days_later,
    noticed,
    reading,
)
from tests.unit.core import Life, changed_policy

ASKED = {"intent": "help", "topic": "roaming"}
CARE = {"channel": "sms", "purpose": "care"}


def settled_by_phone() -> Life:
    life = Life()
    life.happen(CALL, MARCH, ASKED | {"resolved": True})
    return life


def test_who_comes_again_within_days_was_not_helped_and_is_called_back() -> None:
    """The degree of resolution is what a caller for help feels most. The clerk said it was done."""
    life = settled_by_phone()
    life.happen(VISIT, days_later(2), ASKED)
    (call,) = life.actions("call_back")
    assert call.fields["topic"] == "roaming"
    assert call.decided_at.isoformat() == "2026-03-03T00:00:00+00:00"
    found = life.contributions()[-1]
    assert (found.touchpoint, found.felt) == ("repeat_contact", ())  # `repeats` has it already


@pytest.mark.parametrize(
    ("days", "topic"), [(3.01, "roaming"), (2.0, "invoice"), (2.0, None)], ids=str
)
def test_coming_later_or_about_something_else_is_no_repeat(days: float, topic: str | None) -> None:
    life = settled_by_phone()
    life.happen(VISIT, days_later(days), {"intent": "help", "topic": topic})
    assert noticed(life, "repeat_contact") == 0


def test_one_resolution_fails_once() -> None:
    """After the second call nobody holds the matter for settled; the third is no news."""
    life = settled_by_phone()
    life.happen(CALL, days_later(1), ASKED)
    life.happen(CALL, days_later(2), ASKED)
    assert noticed(life, "repeat_contact") == 1
    life.happen(CALL, days_later(2.1), ASKED | {"direction": "outbound", "resolved": True})
    life.happen(CALL, days_later(2.2), ASKED)
    assert noticed(life, "repeat_contact") == 2


@pytest.mark.parametrize("ending", [RESOLVED, CLOSED])
def test_a_complaint_that_was_settled_and_is_heard_of_again_is_a_repeat(ending: str) -> None:
    """The end names the case alone; the case knows its topic."""
    life = Life()
    life.happen(COMPLAINT, MARCH, {"complaint": "k-1", "topic": "roaming"})
    life.happen(ending, days_later(1), {"complaint": "k-1", "satisfied": True})
    life.happen(CALL, days_later(2), ASKED)
    assert noticed(life, "repeat_contact") == 1


def test_the_same_case_opened_again_is_a_repeat_though_nobody_names_a_topic() -> None:
    life = Life()
    life.happen(COMPLAINT, MARCH, {"complaint": "k-1"})
    life.happen(CLOSED, days_later(1), {"complaint": "k-1", "satisfied": True})
    life.happen(COMPLAINT, days_later(2), {"complaint": "k-1"})
    assert noticed(life, "repeat_contact") == 1


def test_the_customers_own_no_takes_the_resolution_back_at_once() -> None:
    life = Life()
    life.happen(COMPLAINT, MARCH, {"complaint": "k-1", "topic": "roaming"})
    life.happen(RESOLVED, days_later(1), {"complaint": "k-1"})
    life.happen(CLOSED, days_later(1.5), {"complaint": "k-1", "satisfied": False})
    life.happen(CALL, days_later(2), ASKED)
    assert noticed(life, "repeat_contact") == 0  # nobody holds it for settled


def test_a_resolution_told_of_late_failed_if_the_customer_has_come_since() -> None:
    life = Life()
    life.happen(CALL, days_later(1), ASKED)
    life.happen(CALL, MARCH, ASKED | {"direction": "outbound", "resolved": True})
    assert noticed(life, "repeat_contact") == 1


def test_from_the_app_to_the_phone_to_the_shop_is_on_the_way_to_a_complaint() -> None:
    life = Life()
    for day, way in enumerate((DIGITAL, CALL, VISIT)):
        assert noticed(life, "escalation") == 0
        life.happen(way, days_later(day), {"intent": "fault"})
    assert noticed(life, "escalation") == 1
    (call,) = life.actions("call_back")
    assert call.fields["what"] == "3 contacts, each by a graver way"
    assert life.contributions()[-1].felt == ()  # a better touch must never lower the score


def test_each_call_less_pleased_than_the_last_is_an_escalation() -> None:
    life = Life()
    for day, sentiment in enumerate((0.2, -0.1, -0.6)):
        life.happen(CALL, days_later(day), {"sentiment": sentiment})
    assert life.actions("call_back")[0].fields["what"] == "3 contacts, each less pleased"


@pytest.mark.parametrize(
    ("days", "moods", "topics"),
    [
        ((0, 4, 7.1), (0.2, -0.1, -0.6), (None, None, None)),  # too slowly
        ((0, 1, 2), (0.2, -0.1, -0.1), (None, None, None)),  # not ever less
        ((0, 1, 2), (0.2, None, -0.6), (None, None, None)),  # not known
        ((0, 1, 2), (0.2, -0.1, -0.6), ("roaming", "invoice", "roaming")),  # two matters
    ],
)
def test_what_is_no_escalation(
    days: tuple[float, ...], moods: tuple[float | None, ...], topics: tuple[str | None, ...]
) -> None:
    life = Life()
    for day, mood, topic in zip(days, moods, topics, strict=True):
        life.happen(CALL, days_later(day), {"sentiment": mood, "topic": topic})
    assert noticed(life, "escalation") == 0


def test_an_escalation_goes_on_only_with_as_many_steps_again() -> None:
    life = Life()
    for day, mood in enumerate((0.9, 0.5, 0.1, -0.3, -0.7)):
        life.happen(CALL, days_later(day), {"sentiment": mood})
    assert noticed(life, "escalation") == 2  # at the third, and two steps further


def test_an_engineer_at_home_is_no_step_of_the_customers() -> None:
    life = Life()
    life.happen(DIGITAL, MARCH, {})
    life.happen(CALL, days_later(1), {})
    life.happen(VISIT, days_later(2), {"place": "home"})
    assert noticed(life, "escalation") == 0


def test_a_second_failure_in_one_matter_goes_to_somebody_senior() -> None:
    """A wrong bill put right in January and wrong again in May: no bonus for mending that."""
    life = Life()
    for day, case in ((0, "k-1"), (120, "k-2")):
        data = {"complaint": case, "topic": "bill", "severity": 4}
        life.happen(COMPLAINT, days_later(day), data)
        life.happen(RESOLVED, days_later(day + 1), {"complaint": case, "outcome_justice": 1})
    assert noticed(life, "double_failure") == 1
    (call,) = (c for c in life.actions("call_back") if "failure" in c.fields["what"])
    assert call.fields["department"] == "senior_service"
    assert call.fields["what"] == "failure 2 in one matter"


@pytest.mark.parametrize(("days", "topic"), [(181, "bill"), (120, "roaming")])
def test_long_after_or_in_another_matter_it_is_a_first_failure(days: float, topic: str) -> None:
    life = Life()
    life.happen(COMPLAINT, MARCH, {"complaint": "k-1", "topic": "bill"})
    life.happen(COMPLAINT, days_later(days), {"complaint": "k-2", "topic": topic})
    assert noticed(life, "double_failure") == 0


def test_two_complaints_on_one_topic_are_two_failures_and_one_told_twice_is_one() -> None:
    life = Life()
    for day, case in enumerate(("k-1", "k-1", "k-2")):
        life.happen(COMPLAINT, days_later(day), {"complaint": case, "topic": "bill"})
        assert noticed(life, "double_failure") == (case == "k-2")


def test_a_good_touch_in_the_matter_is_no_failure() -> None:
    life = Life()
    for day in range(3):
        life.happen(CALL, days_later(day), ASKED | {"abandoned": day == 0})
    assert noticed(life, "double_failure") == 0


def test_the_clerk_who_follows_the_customer_around_is_told_to_keep_away() -> None:
    """One may come up, and a second; to be run after drives the customer out of the shop."""
    life = Life()
    for hour in range(3):
        life.happen(MESSAGE, days_later(hour / 24), CARE)
    assert noticed(life, "hovering") == 0
    approach = {"touchpoint": "staff_approach", "measures": {"welcome": 0}}
    life.happen(OBSERVED, days_later(0.5), approach)
    life.happen(OBSERVED, days_later(0.6), approach)
    assert noticed(life, "hovering") == 1  # once, although it goes on
    (silence,) = life.actions("deliberate_silence")
    assert (silence.channel, silence.cost) == ("none", 0.0)
    assert silence.fields["until"] == "2026-03-15"
    assert life.state.care.silent_until_s == silence.decided_at.timestamp() + 14 * 86_400
    assert life.contributions()[-2].felt == ()  # fatigue has it already


def test_whoever_asked_lately_is_not_hovered_over() -> None:
    life = Life()
    life.happen(CALL, MARCH, ASKED)
    for hour in range(6):
        life.happen(MESSAGE, days_later(20 + hour / 24), CARE)
    assert noticed(life, "hovering") == 0
    life.happen(MESSAGE, days_later(31), CARE)
    assert noticed(life, "hovering") == 1


def test_hovering_shows_again_when_it_had_faded_or_the_customer_had_come() -> None:
    life = Life()
    for day in (0, 200, 400):
        for hour in range(4):
            life.happen(MESSAGE, days_later(day + hour / 24), CARE)
    assert noticed(life, "hovering") == 3
    life.happen(CALL, days_later(401), ASKED)
    life.happen(MESSAGE, days_later(432), CARE)
    assert noticed(life, "hovering") == 3  # those of then count half
    life.happen(MESSAGE, days_later(432), CARE)
    assert noticed(life, "hovering") == 4


def test_silence_is_held_only_where_it_was_decided_for() -> None:
    def off(content: dict[str, dict[str, dict[str, dict[str, bool]]]]) -> None:
        content["care"]["actions"]["deliberate_silence"]["enabled"] = False

    life = Life(changed_policy(off))
    for _ in range(5):
        life.happen(MESSAGE, MARCH, CARE)
    assert noticed(life, "hovering") == 1
    assert life.state.care.silent_until_s == 0.0


def test_a_suggestion_that_was_taken_up_is_thanked_for() -> None:
    life = Life()
    box = {"touchpoint": "suggestion", "topic": "queue", "measures": {"taken_up": 0}}
    life.happen(OBSERVED, MARCH, box)
    assert life.actions() == []
    life.happen(OBSERVED, days_later(1), box | {"measures": {"taken_up": 1}})
    (thanks,) = life.actions("thank_you")
    assert thanks.fields == {"topic": "queue", "what": "suggestion"}
    assert thanks.cause.event == "e-1"
    assert reading(life).score > 75
