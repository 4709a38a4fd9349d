"""Stories of the catalogue: where customers meet the company, and what they notice there."""

from math import log
from typing import Any

import pytest

from pipeline.core.admission import admit
from schemas.dead_letter import Reason
from schemas.inbound import Invalid
from tests.stories.telling import (
    CALL,
    DIGITAL,
    GIFT,
    MARCH,
    MESSAGE,
    MESSAGE_FAILED,
    OBSERVED,
    REPAIR,
    SURVEY,
    VISIT,
    at_level,
    felt,
    qualities,
    value_of,
)
from tests.unit.core import Life, changed_policy, default_policy
from tests.unit.events import event_bytes

# Ratings go from 1 to 5, so 1 feels like 0, 2 like 0.25, 3 like 0.5, 4 like 0.75 and 5 like 1.
TOUCHES: dict[str, tuple[str, dict[str, Any], dict[str, float]]] = {
    "visit": (
        VISIT,
        {
            "wait_seconds": 300,
            "resolved": False,
            "ratings": {"environment": 4, "attitude": 5, "knowledge": 3, "awareness": 2},
        },
        {
            "waiting": 0.7,  # five minutes are what a shop promises
            "access": 0.7,
            "environment": 0.75,
            "attitude": 1.0,
            "knowledge": 0.5,
            "awareness": 0.25,
            "resolution": 0.5,
        },
    ),
    "home_visit": (
        VISIT,
        {"place": "home", "wait_seconds": 900, "resolved": True, "ratings": {"attitude": 4}},
        {"waiting": 0.7, "attitude": 0.75, "resolution": 0.8},
    ),
    "message": (
        MESSAGE,
        {"channel": "sms", "purpose": "alert", "delay_seconds": 10},
        {"attention": 0.5, "security": 0.7},
    ),
    "message_failed": (
        MESSAGE_FAILED,
        {"channel": "sms", "purpose": "alert"},
        {"security": 0.1},
    ),
    "social_message": (
        MESSAGE,
        {"channel": "social", "purpose": "care", "resolved": True, "sentiment": 0.2},
        {"attention": 0.6, "resolution": 0.8, "mood": 0.6},
    ),
    "digital": (
        DIGITAL,
        {"platform": "app", "errors": 1, "steps": 12, "completed": True},
        {"access": 0.75, "guidance": 0.0, "resolution": 0.8},
    ),
    "repair": (
        REPAIR,
        {"repair": "r", "seconds_to_repair": 86_400, "resolved": True, "ratings": {"attitude": 4}},
        {"waiting": 0.7, "attitude": 0.75, "resolution": 0.8},
    ),
    "gift": (GIFT, {"gift": "tea"}, {"attention": 1.0}),
    "survey": (
        SURVEY,
        {"survey": "exit", "answers": {"price": 2, "reliability": 4}},
        {"price": 0.25, "reliability": 0.75},
    ),
    "third_party_survey": (
        SURVEY,
        {"survey": "market", "answers": {"attitude": 3}, "answered_by": "third_party"},
        {"attitude": 0.5},
    ),
    "mystery_shopper": (
        OBSERVED,
        {
            "touchpoint": "mystery_shopper",
            "measures": {"questions_solved": 3, "questions_asked": 4},
        },
        {"resolution": 0.75},
    ),
    "suggestion": (
        OBSERVED,
        {"touchpoint": "suggestion", "measures": {"answered": True, "taken_up": False}},
        {"awareness": 0.85, "attention": 0.5},
    ),
    "staff_approach": (
        OBSERVED,
        {"touchpoint": "staff_approach", "measures": {"welcome": False}},
        {"attention": 0.4},
    ),
    "courtesy_call": (
        OBSERVED,
        {"touchpoint": "courtesy_call", "measures": {"welcome": True}},
        {"attention": 0.7},
    ),
    "key_account_meeting": (
        OBSERVED,
        {
            "touchpoint": "key_account_meeting",
            "measures": {"needs_met": 5, "knowledge": 4, "actions_done": 1, "actions_agreed": 2},
        },
        {"awareness": 1.0, "knowledge": 0.75, "trust": 0.5},
    ),
}


@pytest.mark.parametrize("touchpoint", TOUCHES)
def test_every_touchpoint_is_felt_in_its_own_dimensions(touchpoint: str) -> None:
    """Shop, home, SMS, app, social media, repair, gift, surveys, suggestion box, key account
    meeting, mystery shopper: in each the customer notices what belongs to it, and no more."""
    type_name, data, noticed = TOUCHES[touchpoint]
    outcome = Life().happen(type_name, MARCH, data)
    assert outcome.contribution is not None
    assert outcome.contribution.touchpoint == touchpoint
    assert qualities(outcome) == pytest.approx(noticed)


def test_a_phone_call_is_felt_from_the_number_to_the_solution() -> None:
    """A customer with a question gets through, waits twice as long as promised, goes through four
    steps of the menu, hears a friendly greeting in a tired voice, meets a clerk who knows the
    business well and the customer a little, and hangs up without an answer."""
    data = {
        "intent": "enquiry",
        "wait_seconds": 40,
        "promised_wait_seconds": 20,
        "ivr_steps": 4,
        "ratings": {"attitude": 5, "voice": 2, "knowledge": 5, "awareness": 3},
        "resolved": False,
    }
    life = Life()
    outcome = life.happen(CALL, MARCH, data)
    # guidance 1 and knowledge 1 + 2 are named and share 0.75, fourteen others share 0.25
    guidance, knowledge, other = 0.75 / 4, 0.75 * 3 / 4, 0.25 / 14
    expected = {
        "connect_speed": -2.25 * 0.2 * other * (0.2 * log(2) / 0.2) ** 0.88,
        "access": 0.0,  # that somebody answers is what everybody expects
        "guidance": -2.25 * 0.2 * guidance * ((0.6 - 0.5) / 0.2) ** 0.88,
        "attitude": -2.25 * 0.2 * other * ((0.7 - 0.625) / 0.2) ** 0.88,  # mean of 1 and 0.25
        "knowledge": 0.2 * knowledge * ((1.0 - 0.7) / 0.2) ** 0.88,
        "awareness": -2.25 * 0.2 * other * ((0.6 - 0.5) / 0.2) ** 0.88,
        "resolution": -12 * 0.2 * other * 1.0,  # one zone below: an unresolved failure
    }
    assert {name: each.value for name, each in felt(outcome).items()} == pytest.approx(expected)
    assert life.score == pytest.approx(at_level(sum(expected.values())))


def test_a_line_that_nobody_answers_is_felt_as_a_number_that_does_not_work() -> None:
    """Whoever gives up after a minute in the queue has waited at least twice that, found the
    company out of reach, and goes with the matter unsettled."""
    data = {"intent": "fault", "wait_seconds": 60, "abandoned": True}
    outcome = Life().happen(CALL, MARCH, data)
    assert qualities(outcome) == pytest.approx(
        {"connect_speed": 0.7 - 0.2 * log(2 * 60 / 20), "access": 0.3, "resolution": 0.5}
    )
    # fault names connect_speed twice of five; access is one of twelve others
    assert value_of(outcome, "access") == pytest.approx(-12 * 0.2 * (0.25 / 12) * 2**0.88)
    assert value_of(outcome, "resolution") == pytest.approx(-12 * 0.2 * (0.75 / 5) * 1.0)


def test_a_counter_that_serves_nobody_settles_nothing() -> None:
    """Whoever leaves the shop unserved found nobody there, and goes with the matter unsettled."""
    data = {"intent": "help", "served": False, "wait_seconds": 300}
    outcome = Life().happen(VISIT, MARCH, data)
    assert qualities(outcome) == pytest.approx({"waiting": 0.7, "access": 0.3, "resolution": 0.5})
    assert value_of(outcome, "access") == pytest.approx(-12 * 0.2 * (0.75 / 6) * 2**0.88)
    assert value_of(outcome, "resolution") == pytest.approx(-12 * 0.2 * (0.75 * 2 / 6) * 1.0)


def test_a_kiosk_of_tomorrow_is_a_line_in_the_catalogue() -> None:
    """The bank puts up a drive-in kiosk. Nobody writes code: an entry says what is noticed there,
    and from then on it is felt. Before, the event is refused with the reason."""
    data = {
        "touchpoint": "drive_in_kiosk",
        "intent": "help",
        "measures": {"queue_seconds": 60, "cash_given": True},
    }

    def add(content: dict[str, Any]) -> None:
        wait = {
            "evidence": "wait_against_promise",
            "measure": "measures.queue_seconds",
            "promised_default_seconds": 120,
        }
        cash = {"evidence": "yes_no", "measure": "measures.cash_given", "yes": 0.8, "no": 0.1}
        content["touchpoints"]["drive_in_kiosk"] = {
            "event": OBSERVED,
            "channel": "in_person",
            "felt": [
                {"dimension": "waiting", "by": wait},
                {"dimension": "resolution", "by": cash, "failure": True},
            ],
        }

    refused = admit(event_bytes(OBSERVED, data=data), (), -1, default_policy())
    assert isinstance(refused, Invalid)
    assert refused.reason == Reason.UNKNOWN_TOUCHPOINT
    outcome = Life(changed_policy(add)).happen(OBSERVED, MARCH, data)
    # help: guidance 1, knowledge 1, resolution 2, access 1, waiting 1
    assert value_of(outcome, "waiting") == pytest.approx(0.2 * (0.75 / 6) * log(2) ** 0.88)
    assert value_of(outcome, "resolution") == pytest.approx(0.2 * (0.75 * 2 / 6) * 0.5**0.88)
