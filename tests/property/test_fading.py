"""Without events everything fades; too much attention wears out."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.customer import Customer
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.fatigue import fatigue_cost
from pipeline.core.perceive.score import full_score
from tests.property.lives import DAY_S, level_after, live, score_after
from tests.property.policies import DEFAULT, ONE, SEVERAL, Sample, under
from tests.property.streams import PROFILED, Events, streams
from tests.property.touches import CHANNELS, START
from tests.unit.events import event

MESSAGE = "touchpoint.message.delivered.v1"


def messages(channels: Sequence[str], ages_s: Sequence[float], purpose: str = "care") -> Events:
    """Messages that nobody asked for, each so many seconds before the start."""
    return [
        event(
            MESSAGE,
            id=f"e-{n}",
            time=(START - timedelta(seconds=age_s)).isoformat(),
            data={"channel": channel, "purpose": purpose},
        )
        for n, (channel, age_s) in enumerate(zip(channels, ages_s, strict=False))
    ]


# Half of them are messages of one day alone, so that fatigue is much of the score.
MIXED = st.one_of(
    streams(),
    st.builds(
        lambda channel, ages: messages([channel] * len(ages), ages),
        st.sampled_from(CHANNELS),
        st.lists(st.integers(0, 86_400), min_size=3, max_size=15),
    ),
)
HALVINGS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 20.0)


@under(default=DEFAULT, one_half_life=ONE)
@given(data=st.data(), events=MIXED, sooner=st.floats(0, 1))
def test_without_events_a_score_only_nears_its_baseline(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, sooner: float
) -> None:
    policy = data.draw(policies).policy
    customer = live(events, policy)
    baseline = full_score("c", customer, policy, customer.as_of_s).baseline
    half_life_days = policy.half_lives_s[0] / DAY_S
    distances = [
        abs(score_after(customer, policy, (each + sooner) * half_life_days) - baseline)
        for each in HALVINGS
    ]
    for nearer, nearest in pairwise(distances):
        assert nearest <= nearer + 1e-9
    # and gets there: after so many half-lives nothing is left
    gone = score_after(customer, policy, 80 * half_life_days)
    assert gone == pytest.approx(baseline, abs=1e-6)


@under(default=DEFAULT, one_half_life=ONE)
@given(data=st.data(), events=streams(), halvings=st.floats(0, 8))
def test_what_is_felt_halves_in_a_half_life(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, halvings: float
) -> None:
    policy = data.draw(policies).policy
    customer = live(events, policy)
    now = level_after(customer, policy)
    later = level_after(customer, policy, halvings * policy.half_lives_s[0] / DAY_S)
    assert later == pytest.approx(now / 2**halvings, rel=1e-6, abs=1e-9)


@under(several=SEVERAL)
@given(data=st.data(), events=MIXED, unit_days=st.floats(0.01, 100))
def test_with_several_half_lives_each_dimension_fades_and_so_does_fatigue(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, unit_days: float
) -> None:
    policy = data.draw(policies).policy
    customer = live(events, policy)
    moments = [scales(customer, customer.as_of_s + each * unit_days * DAY_S) for each in HALVINGS]
    for sooner, later in pairwise(moments):
        for account in customer.dimensions.values():
            felt = abs(account.gains - account.losses)
            assert felt * later[account.decay] <= felt * sooner[account.decay]
        costs = [fatigue_cost(customer, policy.fatigue, scale) for scale in (sooner, later)]
        assert costs[1] <= costs[0] + 1e-9
        assert min(costs) >= 0


def after_each(made: Events, sample: Sample) -> list[Customer]:
    """The customer after each of the events."""
    return [live(made[: n + 1], sample.policy) for n in range(len(made))]


@given(
    data=st.data(),
    channel=st.sampled_from([name for name in CHANNELS if name != "social"]),
    purpose=st.sampled_from(["care", "marketing", "notice"]),
    ages_s=st.lists(st.integers(0, 3_600), min_size=12, max_size=12),
)
def test_attention_of_one_day_pleases_then_wears_out(
    data: st.DataObject, channel: str, purpose: str, ages_s: list[int]
) -> None:
    sample = data.draw(DEFAULT)
    made = messages([channel] * 12, ages_s, purpose)
    scores = [score_after(customer, sample.policy) for customer in after_each(made, sample)]
    assert 75 < scores[0] < scores[1] < scores[2] == max(scores)
    assert scores[2] == pytest.approx(77, abs=0.5)
    assert scores[2:] == sorted(scores[2:], reverse=True)
    assert max(scores[5:]) < 75
    assert scores[-1] > 50  # linear in the end: twelve contacts do not ruin everything


@under(one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), channel=st.sampled_from(CHANNELS))
def test_each_further_contact_of_one_moment_brings_no_more_than_the_one_before(
    policies: st.SearchStrategy[Sample], data: st.DataObject, channel: str
) -> None:
    sample = data.draw(policies)
    after = after_each(messages([channel] * 12, [0] * 12), sample)
    levels = [0.0, *(level_after(customer, sample.policy) for customer in after)]
    steps = [more - less for less, more in pairwise(levels)]
    for one, next_one in pairwise(steps):
        assert next_one <= one + 1e-12


@under(default=DEFAULT, several=SEVERAL)
@given(
    data=st.data(),
    ages=st.lists(st.floats(0, 400), min_size=2, max_size=15),
    channels=st.lists(st.sampled_from(["sms", "email"]), min_size=15, max_size=15),
)
def test_contacts_apart_in_time_or_channel_cost_no_more_than_at_once(
    policies: st.SearchStrategy[Sample],
    data: st.DataObject,
    ages: list[float],
    channels: list[str],
) -> None:
    policy = data.draw(policies).policy
    last = event(PROFILED, id="last", time=START.isoformat(), data={"language": "de"})

    def cost(channels: Sequence[str], ages: Sequence[float]) -> float:
        made = messages(channels, [age * DAY_S for age in ages])
        customer = live([last, *made], policy)
        return fatigue_cost(customer, policy.fatigue, scales(customer, customer.as_of_s))

    assert cost(channels, ages) <= cost(["sms"] * len(ages), [0.0] * len(ages)) + 1e-9
