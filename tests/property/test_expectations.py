"""What is expected: rivals and promises raise it, habits do not touch the score."""

import json
from functools import cache
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.core.perceive.score import full_score
from tests.property.drawing import draw_constants
from tests.property.lives import DAY_S, level_after, live, score_after
from tests.property.policies import (
    DEFAULT,
    ONE,
    POOL,
    PROBE,
    ROOMY,
    SEVERAL,
    Sample,
    default_sample,
    pool_seed,
    random_sample,
    sample,
    under,
)
from tests.property.streams import OFFERED, PROFILED, PROMISE_ENDS, PROMISE_MADE, Events, streams
from tests.property.touches import FAMILIES, START
from tests.unit.events import event

KEPT, BROKEN, WITHDRAWN = PROMISE_ENDS
OBSERVED = "touchpoint.observed.v1"


@under(default=ROOMY, one_half_life=ONE, several=SEVERAL)
@given(
    data=st.data(),
    events=streams(most=12, kinds=[OFFERED, PROFILED, "touchpoint.visit.completed.v1"]),
    days=st.lists(st.floats(0, 3_650), min_size=2, max_size=8),
)
def test_what_is_expected_never_falls_back_by_itself(
    policies: st.SearchStrategy[Sample], data: st.DataObject, events: Events, days: list[float]
) -> None:
    drawn = data.draw(policies)
    measures = dict.fromkeys(drawn.content["dimensions"], data.draw(st.floats(0, 1)))
    touch = {"touchpoint": PROBE, "measures": measures}
    at = max(each["time"] for each in events)
    probe = event(OBSERVED, id="touch", time=at, data=touch)
    customer = live([*events, probe], drawn.policy)
    before: dict[str, tuple[float, float]] = {}
    for at_s in (customer.as_of_s + each * DAY_S for each in sorted(days)):
        for reading in full_score("c", customer, drawn.policy, at_s).dimensions:
            reference = reading.expected - reading.experience
            last, last_norm = before.get(reading.dimension, (0.0, 0.0))
            assert reference >= last - 1e-12
            assert reading.norm >= last_norm - 1e-12
            before[reading.dimension] = reference, reading.norm
    assert before.keys() == measures.keys()


@under(default=ROOMY, one_half_life=ONE, several=SEVERAL)
@given(
    data=st.data(),
    events=streams(most=10, kinds=sorted(set(FAMILIES) - {PROMISE_MADE})),
    level=st.floats(0, 1),
    quality=st.floats(0, 1),
    name=st.sampled_from(["attitude", "mood", "price", "trust"]),
)
def test_a_rivals_offer_never_makes_the_same_touch_feel_better(
    *,
    policies: st.SearchStrategy[Sample],
    data: st.DataObject,
    events: Events,
    level: float,
    quality: float,
    name: str,
) -> None:
    drawn = data.draw(policies)
    kano = drawn.content["dimensions"].get(name, {}).get("kano")
    cued = any(name in tier.get("cues", {}) for tier in drawn.content["tiers"].values())
    assume(kano is not None and kano != "reverse" and not cued)
    at = max(each["time"] for each in events)
    offer = event(OFFERED, id="offer", time=at, data={"dimension": name, "level": level})
    touch = {"touchpoint": PROBE, "measures": {name: quality}}
    probe = event(OBSERVED, id="touch", time=at, data=touch)
    policy = drawn.policy
    scores = [
        score_after(live(made, policy), policy)
        for made in ([*events, offer, probe], [*events, probe])
    ]
    assert scores[0] <= scores[1] + 1e-9


@under(default=DEFAULT, one_half_life=ONE, several=SEVERAL)
@given(
    data=st.data(),
    intensity=st.floats(0.01, 1),
    intent=st.sampled_from(["none", "help", "complaint"]),
    days=st.floats(0, 30),
)
def test_how_a_promise_ends_is_felt_in_order(
    policies: st.SearchStrategy[Sample],
    data: st.DataObject,
    intensity: float,
    intent: str,
    days: float,
) -> None:
    drawn = data.draw(policies)
    policy, promises = drawn.policy, drawn.policy.file.promises
    norm, at = drawn.content["dimensions"][promises.dimension]["norm"], START.replace(day=9)

    def after(kind: str | None, due_day: int = 10) -> float:
        due = START.replace(day=due_day).isoformat()
        said = {"promise": "p", "due": due}
        made = event(PROMISE_MADE, id="made", time=START.isoformat(), data=said)
        felt = {"promise": "p", "intensity": intensity, "intent": intent}
        end = [event(kind, id="end", time=at.isoformat(), data=felt)] if kind else []
        return level_after(live([made, *end], policy), policy, days)

    nothing, kept, late = after(None), after(KEPT), after(KEPT, due_day=8)
    broken, withdrawn = after(BROKEN), after(WITHDRAWN)
    assert nothing == 0
    assert kept >= max(late, withdrawn)
    assert min(late, withdrawn) >= broken
    # better than what is taken for granted earns, worse costs
    assert kept <= 0 or promises.kept.value > norm
    assert kept >= 0 or promises.kept.value < norm
    assert broken >= 0 or promises.broken.value < norm
    assert broken <= 0 or promises.broken.value > norm


@given(
    data=st.data(),
    name=st.sampled_from(["trust", "attitude"]),
    intensity=st.floats(0.1, 1),
    ended=st.sampled_from([BROKEN, WITHDRAWN]),
)
def test_a_kept_promise_earns_and_a_broken_one_costs_more_than_none(
    data: st.DataObject, name: str, intensity: float, ended: str
) -> None:
    policy = data.draw(DEFAULT).policy

    def after(*kinds: str) -> float:
        made = [
            event(
                kind,
                id=kind,
                time=START.isoformat(),
                data={"promise": "p", "intensity": intensity}
                | ({"dimension": name, "level": 0.8} if kind == PROMISE_MADE else {}),
            )
            for kind in kinds
        ]
        return score_after(live(made, policy), policy) if made else 75.0

    assert after(PROMISE_MADE, ended) < after() < after(PROMISE_MADE, KEPT)
    assert after(PROMISE_MADE, BROKEN) < after(PROMISE_MADE, WITHDRAWN)


@under(default=ROOMY, one_half_life=ONE, several=SEVERAL)
@given(
    data=st.data(),
    mean=st.floats(0, 1),
    spreads=st.lists(st.floats(0, 1), min_size=1, max_size=8),
    days=st.floats(0, 100),
)
def test_of_the_same_mean_the_steadier_service_satisfies_no_less(
    policies: st.SearchStrategy[Sample],
    data: st.DataObject,
    mean: float,
    spreads: list[float],
    days: float,
) -> None:
    drawn = data.draw(policies)
    policy = drawn.policy
    name = data.draw(st.sampled_from(sorted(drawn.content["dimensions"])))
    widest = min(mean, 1 - mean)

    def ratio(share: float) -> float:
        qualities = [mean + sign * share * each * widest for each in spreads for sign in (1, -1)]
        made = [
            event(
                OBSERVED,
                id=f"e-{n}",
                time=START.replace(day=1 + n // 2).isoformat(),
                data={"touchpoint": PROBE, "measures": {name: min(max(quality, 0), 1)}},
            )
            for n, quality in enumerate(qualities)
        ]
        customer = live(made, policy)
        at_s = customer.as_of_s + days * DAY_S
        return full_score("c", customer, policy, at_s).ratio

    steady, wavering, wild = ratio(0), ratio(0.5), ratio(1)
    # the root of a variance that rounding leaves is far larger than the rounding
    assert steady >= wavering - 1e-6
    assert wavering >= wild - 1e-6


@cache
def with_other_habits(number: int) -> tuple[Sample, Sample]:
    """A policy, and the same one but for the constants of the ratio."""
    one = random_sample(number, one_half_life=False) if number else default_sample()
    content = json.loads(json.dumps(one.content))
    random = Random(f"{pool_seed()} habits {number}")
    draw_constants(content["ratio"], random, "ratio")
    return one, sample(content, f"{one.name}, with another ratio")


@given(
    data=st.data(),
    numbers=st.integers(0, POOL // 3),
    events=streams(most=30),
    days=st.floats(0, 100),
)
def test_what_a_customer_is_used_to_never_touches_the_score(
    data: st.DataObject, numbers: int, events: Events, days: float
) -> None:
    one, other = with_other_habits(numbers)
    assert one.policy.ratio != other.policy.ratio
    readings = []
    for drawn in (one, other):
        customer = live(events, drawn.policy)
        at_s = customer.as_of_s + days * DAY_S
        readings.append(full_score("c", customer, drawn.policy, at_s))
    for name in ("score", "low", "high", "impression", "loyalty", "confidence", "parts"):
        assert getattr(readings[0], name) == getattr(readings[1], name), name
    assert readings[0].ratio == pytest.approx(readings[1].ratio, abs=2)
