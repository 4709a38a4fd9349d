"""What must hold of the score for any stream of valid events."""

from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.perceive.score import full_score, points, score_at
from pipeline.stages.perceive import CODEC
from tests.property.streams import START, streams
from tests.unit.core import Life, default_policy
from tests.unit.events import event

DAY = 86_400.0
POLICY = default_policy()


def live(events: list[dict[str, Any]]) -> Life:
    life = Life()
    for made in events:
        life.add(made)
    return life


@given(streams(), st.floats(0, 1_000))
def test_the_score_stays_within_0_and_100_at_any_time(
    events: list[dict[str, Any]], later_days: float
) -> None:
    state = live(events).state
    score = full_score("c", state, POLICY, state.as_of_s + later_days * DAY)
    for number in (score.score, score.low, score.high, score.confidence * 100):
        assert isfinite(number)
        assert 0 <= number <= 100
    assert score.low <= score.score <= score.high


@given(streams(), st.floats(0, 400))
def test_the_parts_sum_to_the_distance_from_the_baseline(
    events: list[dict[str, Any]], later_days: float
) -> None:
    state = live(events).state
    score = full_score("c", state, POLICY, state.as_of_s + later_days * DAY)
    total = sum(part.points for part in score.parts)
    assert total == pytest.approx(score.score - score.baseline, abs=1e-9)


@given(streams(profiles=False), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(events: list[dict[str, Any]], random: Any) -> None:
    shuffled = events[:]
    random.shuffle(shuffled)
    one, other = live(events).state, live(shuffled).state
    assert one.as_of_s == other.as_of_s
    expected = score_at(one, POLICY, one.as_of_s)
    assert score_at(other, POLICY, other.as_of_s) == pytest.approx(expected, abs=1e-9)


@given(streams(most=20), st.data())
def test_an_event_seen_before_changes_nothing(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    life = live(events)
    before = CODEC.encode(life.state)
    outcome = life.add(data.draw(st.sampled_from(events)))
    assert outcome.contribution is None
    assert CODEC.encode(life.state) == before


@given(streams(), st.floats(1, 5), st.floats(1, 5), st.integers(0, 400), st.sampled_from([0, 90]))
def test_a_better_touch_never_makes_a_lower_score(
    events: list[dict[str, Any]], one: float, two: float, day: int, later_days: int
) -> None:
    def scored(rating: float) -> float:
        data = {"intent": "help", "ratings": {"attitude": rating}}
        at = START.replace(year=START.year + day // 365, month=1 + day % 12).isoformat()
        touch = event("touchpoint.visit.completed.v1", id="touch", time=at, data=data)
        state = live([*events, touch]).state
        return score_at(state, POLICY, state.as_of_s + later_days * DAY)

    assert scored(min(one, two)) <= scored(max(one, two)) + 1e-9


@given(streams(profiles=False), st.floats(0, 300), st.floats(0, 300))
def test_without_events_gains_and_losses_only_fade(
    events: list[dict[str, Any]], one: float, two: float
) -> None:
    state = live(events).state
    state.contacts = 0.0  # fatigue fades faster than what it spoilt, see its own test
    base = points(POLICY.base_logits["ordinary"])
    nearer, farther = (
        abs(score_at(state, POLICY, state.as_of_s + days * DAY) - base)
        for days in (max(one, two), min(one, two))
    )
    assert nearer <= farther + 1e-9


@given(streams(), st.integers(0, 30))
def test_a_state_that_went_through_bytes_goes_on_as_if_it_had_not(
    events: list[dict[str, Any]], cut: int
) -> None:
    whole = live(events)
    parted = live(events[:cut] or events[:1])
    parted.customer = CODEC.decode(CODEC.encode(parted.state))
    for made in events[max(cut, 1) :]:
        parted.add(made)
    assert CODEC.encode(parted.state) == CODEC.encode(whole.state)
    at_s = whole.state.as_of_s
    assert full_score("c", parted.state, POLICY, at_s) == full_score("c", whole.state, POLICY, at_s)
