"""Every reading stays in its range, at any time, and its parts sum to it."""

from collections import defaultdict
from math import isfinite

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.customer import Customer
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.fatigue import fatigue_cost
from pipeline.core.perceive.score import full_score
from pipeline.core.policy.bound import worst_state_bytes
from pipeline.core.policy.check import FATIGUE
from pipeline.stages.perceive import CODEC
from schemas.perception import Score
from tests.property.lives import DAY_S, live
from tests.property.policies import DEFAULT, ONE, SEVERAL, TIGHT, Sample, under
from tests.property.streams import Events, streams

later = st.floats(0, 20 * 365)


def read_later(customer: Customer, sample: Sample, days: float) -> Score:
    return full_score("c", customer, sample.policy, customer.as_of_s + days * DAY_S)


@under(default=DEFAULT, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), events=streams(), days=later)
def test_every_reading_stays_in_its_range(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, days: float
) -> None:
    sample = data.draw(policies)
    score = read_later(live(events, sample.policy), sample, days)
    for points in (score.score, score.low, score.high, score.impression, score.loyalty):
        assert 0 <= points <= 100
    assert score.low <= score.score <= score.high
    assert 0 <= score.ratio <= 2
    assert 0 <= score.value <= 2
    assert 0 <= score.confidence <= 1
    assert 0 <= score.over_servicing < 1e9
    assert all(isfinite(part.points) for part in score.parts)
    for reading in score.dimensions:
        levels = (reading.perceived, reading.expected, reading.weight, reading.norm)
        for level in (*levels, reading.competition or 0, reading.promise or 0, reading.experience):
            assert 0 <= level <= 1


@under(default=DEFAULT, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), events=streams(), days=later)
def test_the_parts_sum_to_the_distance_from_the_baseline(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, days: float
) -> None:
    sample = data.draw(policies)
    score = read_later(live(events, sample.policy), sample, days)
    distance = score.score - score.baseline
    assert sum(part.points for part in score.parts) == pytest.approx(distance, abs=1e-9)


@under(default=DEFAULT, several=SEVERAL)
@given(data=st.data(), events=streams(), days=st.floats(0, 60))
def test_the_parts_of_each_dimension_are_its_share_of_the_level(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, days: float
) -> None:
    sample = data.draw(policies)
    customer = live(events, sample.policy)
    score = read_later(customer, sample, days)
    scale = scales(customer, customer.as_of_s + days * DAY_S)
    levels = {
        name: (account.gains - account.losses) * scale[account.decay]
        for name, account in customer.dimensions.items()
    }
    levels[FATIGUE] = -fatigue_cost(customer, sample.policy.fatigue, scale)
    shares: dict[str, float] = defaultdict(float)
    for part in score.parts:
        shares[part.dimension] += part.points
    # points of each are levels times one number, the same for all: so they compare by products
    whole, distance = sum(levels.values()), score.score - score.baseline
    for name, level in levels.items():
        assert shares[name] * whole == pytest.approx(level * distance, abs=1e-9)


@under(default=DEFAULT, tight=TIGHT)
@given(data=st.data(), events=streams(id_letters=128))
def test_a_state_never_outgrows_the_arithmetic_of_its_policy(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events
) -> None:
    policy = data.draw(policies).policy
    parts = worst_state_bytes(policy.file)
    customer = live(events, policy)
    assert len(CODEC.encode(customer)) <= sum(parts.values()) <= policy.limits.state_bytes
    for name, kept in (
        ("dimensions", customer.dimensions),
        ("kept contributions", customer.kept),
        ("remembered events", customer.seen),
        ("failures", customer.failures),
        ("promises", customer.promises),
        ("rival offers", customer.rivals),
        ("contacts", customer.crowds),
        ("profile", customer.profile),
        ("sacrifices", customer.burdens),
    ):
        assert len(msgspec.msgpack.encode(kept)) <= parts[name], name
