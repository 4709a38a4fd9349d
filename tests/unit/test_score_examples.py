"""Worked examples of the score's formulas, by hand."""

from math import log
from typing import Any

import pytest

from pipeline.core.customer import Customer, has_seen, new_customer, remember
from pipeline.core.perceive import account
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.score import full_score, points
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from schemas.inbound import EVENTS
from tests.unit.core import Life, changed_policy
from tests.unit.events import DEFAULT_POLICY, EXAMPLES

MARCH = "2026-03-01T00:00:00Z"
VISIT = "touchpoint.visit.completed.v1"
MESSAGE = "touchpoint.message.delivered.v1"


def one_dimension(content: dict[str, Any]) -> None:
    """Of a call only ``resolution`` is felt, as rated; a rating below the norm is a failure."""
    rating = {"evidence": "rating", "measure": "ratings.how", "worst": 0, "best": 1}
    content["touchpoints"]["call"]["felt"] = [
        {"dimension": "resolution", "failure": True, "by": rating}
    ]


def level(customer: Customer, policy: Policy, at_s: float) -> float:
    return account.level(customer, policy, scales(customer, at_s))


def how(life: Life, quality: float, at: str = MARCH) -> None:
    data = {"intent": "help", "ratings": {"how": quality}}
    life.happen("touchpoint.call.completed.v1", at, {**data, "wait_seconds": 20})


def test_one_unresolved_failure_takes_twelve_positives_to_offset() -> None:
    policy = changed_policy(one_dimension)
    reached = {}
    for positives in (11, 12, 13):
        life = Life(policy)
        how(life, 0.5)  # a failure one zone below the expected 0.7
        for _ in range(positives):
            how(life, 0.9)
        sums = life.state.dimensions["resolution"]
        reached[positives] = sums.gains - sums.losses
    assert reached[11] < 0 < reached[13]
    assert reached[12] == pytest.approx(0, abs=1e-9)


def test_the_contribution_of_one_visit_by_hand() -> None:
    life = Life()
    outcome = life.happen(VISIT, MARCH, {"intent": "help", "wait_seconds": 600})
    assert outcome.contribution is not None
    felt, access = outcome.contribution.felt
    # ordinary and help: guidance 1, knowledge 1, resolution 2, access 1, waiting 1 are named
    weight = 0.75 / 6
    quality = 0.7 - 0.2 * log(600 / 300)
    x = (quality - 0.7) / 0.2
    assert felt.quality == pytest.approx(quality)
    assert felt.value == pytest.approx(-2.25 * 0.2 * weight * abs(x) ** 0.88)
    assert access.value == 0.0  # served is as expected
    assert life.score == pytest.approx(points(log(3) + felt.value))


def test_an_impression_halves_in_thirty_days() -> None:
    life = Life()
    life.happen(VISIT, MARCH, {"wait_seconds": 3_000})
    now = level(life.state, life.policy, life.state.as_of_s)
    later = level(life.state, life.policy, life.state.as_of_s + 30 * 86_400)
    assert later == pytest.approx(now / 2)


def test_an_abandoned_call_is_a_wait_of_at_least_its_length() -> None:
    call = "touchpoint.call.completed.v1"
    scores = []
    for data in (
        {"wait_seconds": 60, "abandoned": False},
        {"wait_seconds": 60, "abandoned": True},
        {"wait_seconds": 0, "abandoned": False},
        {"wait_seconds": 0, "abandoned": True},
    ):
        life = Life()
        life.happen(call, MARCH, data)
        scores.append(life.score)
    assert scores[1] < scores[0]
    assert scores[3] < 75 < scores[2]  # hanging up at once is no praise


def test_attention_pleases_then_wears_out() -> None:
    scores = []
    life = Life()
    for _ in range(10):
        life.happen(MESSAGE, MARCH, {"channel": "sms", "purpose": "care"})
        scores.append(life.score)
    assert scores[0] > 75
    assert scores[2] == max(scores)
    assert scores[2] == pytest.approx(77.0, abs=0.5)
    assert all(score < 75 for score in scores[5:])
    assert scores[9] > 50  # linear, not quadratic: ten contacts do not ruin everything


def test_a_late_event_counts_as_of_its_own_time() -> None:
    visits = [("2026-01-01T00:00:00Z", 3_000), ("2026-03-01T00:00:00Z", 10)]
    levels = []
    for order in (visits, visits[::-1]):
        life = Life()
        for at, wait in order:
            life.happen(VISIT, at, {"wait_seconds": wait})
        levels.append(level(life.state, life.policy, life.state.as_of_s))
    assert levels[0] == pytest.approx(levels[1], abs=1e-12)


def test_a_policy_with_another_half_life_takes_over_what_is_felt_now() -> None:
    life = Life()
    life.happen(VISIT, MARCH, {"wait_seconds": 3_000})
    before = level(life.state, life.policy, life.state.as_of_s)
    slower = DEFAULT_POLICY.replace("half_life_days: {value: 30,", "half_life_days: {value: 60,", 1)
    life.policy = load_policy(slower, name="p").policy
    outcome = life.happen("touchpoint.customer.profiled.v1", MARCH, {"tier": "ordinary"})
    assert outcome.contribution is not None
    at_s = life.state.as_of_s
    assert level(life.state, life.policy, at_s) == pytest.approx(before)
    assert level(life.state, life.policy, at_s + 60 * 86_400) == pytest.approx(before / 2)


def test_two_dimensions_that_swap_half_lives_keep_what_is_felt_now() -> None:
    def policy(waiting: int, attitude: int) -> Policy:
        text = DEFAULT_POLICY.replace("state_bytes: 3072", "state_bytes: 4096")
        for name, days in (("waiting:       {", waiting), ("attitude:      {", attitude)):
            assert name in text
            text = text.replace(name, f"{name}half_life_days: {days}, ")
        return load_policy(text, name="p").policy

    def visit(life: Life, **data: object) -> None:
        life.happen(VISIT, MARCH, {"intent": "help", **data})

    life = Life(policy(10, 90))
    visit(life, wait_seconds=3_000, ratings={"attitude": 1})
    before = level(life.state, life.policy, life.state.as_of_s)
    waiting = level_of(life, "waiting", 90)
    life.policy = policy(90, 10)
    answers = {"survey": "s", "answers": {"waiting": 3.8, "attitude": 3.8}}
    life.happen("touchpoint.survey.answered.v1", MARCH, answers)  # as expected: adds nothing
    assert level(life.state, life.policy, life.state.as_of_s) == pytest.approx(before)
    # what faded to a 512th in 90 days now only halves
    assert level_of(life, "waiting", 90) == pytest.approx(waiting * 256)


def level_of(life: Life, dimension: str, days: float) -> float:
    scale = scales(life.state, life.state.as_of_s + days * 86_400)
    sums = life.state.dimensions[dimension]
    return (sums.gains - sums.losses) * scale[sums.decay]


def test_confidence_grows_with_evidence_and_narrows_the_interval() -> None:
    life = Life()
    widths, confidences = [], []
    for _ in range(5):
        life.happen(VISIT, MARCH, {"wait_seconds": 300})
        score = full_score("c", life.state, life.policy, life.state.as_of_s)
        widths.append(score.high - score.low)
        confidences.append(score.confidence)
    assert confidences == sorted(confidences)
    assert confidences[-1] == pytest.approx(0.5)
    assert widths == sorted(widths, reverse=True)


def test_a_digest_across_two_others_is_not_taken_for_one_seen() -> None:
    customer = new_customer((1.0, 1.0, 0.5, 6.0), 0.0)
    remember(customer, b"abcdef", 2)
    remember(customer, b"ghijkl", 2)
    assert has_seen(customer, b"abcdef")
    assert not has_seen(customer, b"defghi")
    remember(customer, b"mnopqr", 2)
    assert not has_seen(customer, b"abcdef")


def test_every_event_type_goes_through_the_core() -> None:
    life = Life()
    for type_name in sorted(EVENTS):
        if "clock" not in type_name and "absorbed" not in type_name:  # after it, others are gone
            life.add(EXAMPLES[type_name] | {"id": type_name})
    assert life.state.events == len(EVENTS) - 2
