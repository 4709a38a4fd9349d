"""Whatever happens to a customer, an outlook is a probability with its reasons, checked once."""

from collections import Counter
from functools import cache
from itertools import pairwise
from math import exp, log
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.anticipate.forecasts import check_bin
from pipeline.core.anticipate.outlook import LARGEST
from pipeline.core.attend import attend, wake
from pipeline.core.customer import Customer
from pipeline.core.perceive.score import full_score
from pipeline.core.policy.compiled import Policy
from pipeline.core.steps import perceive_step
from pipeline.stages.perceive import CODEC
from schemas.outlook import OutlookCheck
from tests.property.drawing import default_content
from tests.property.lives import DAY_S, read
from tests.property.policies import SEED_VARIABLE, loaded, pool_seed
from tests.property.streams import streams

_READINGS = (
    "inbound", "complaints", "initiative", "evidence", "tenure_days", "ratio", "lift", "effort",
    "quality", "score", "open_failures", "open_promises", "overdue_promises", "recent_contacts",
)  # fmt: skip
_HAPPENINGS = (
    "repeat_contact",
    "touchpoint.complaint.opened.v1",
    "touchpoint.call.completed.v1",
    "touchpoint.visit.completed.v1",
)


def _term(random: Random) -> dict[str, Any]:
    reading = random.choice(_READINGS)
    term: dict[str, Any] = {
        "reading": reading,
        "usual": random.uniform(-100, 100),
        "coefficient": {"value": random.choice((-1e3, -1, 0, 0.1, 2)), "source": "drawn"},
    }
    return term | ({"dimension": "attitude"} if reading == "quality" else {})


def _outlook(random: Random) -> dict[str, Any]:
    return {
        "horizon_days": random.choice((0.1, 1, 14, 900)),
        "happens_on": random.sample(_HAPPENINGS, random.randint(1, 3)),
        "intercept": {"value": random.uniform(-50, 50), "source": "drawn"},
        "terms": [_term(random) for _ in range(random.randint(0, 5))],
        "call_above": random.choice((0.2, 0.5, 1.0)),
    }


@cache
def drawn(number: int) -> Policy:
    """One of the session's random policies: reading one takes long."""
    random = Random(f"{pool_seed()} outlooks {number}")
    content = default_content()
    content["outlooks"] = {"one": _outlook(random), "other": _outlook(random)}
    content["care"]["actions"]["apology"]["on"] = ["outlook.one"]
    return loaded(content, f"outlooks {number} of {SEED_VARIABLE}={pool_seed()}").policy


POLICIES = st.integers(0, 7).map(drawn)


def lived(events: list[dict[str, Any]], policy: Policy, coded: bool) -> tuple[bytes, list[Any]]:
    """The state at the end and everything said; ``coded``: the state was stored in between."""
    customer: Customer | None = None
    said: list[Any] = []
    clock_s = 0.0
    for number, admitted in enumerate(read(events, policy)):
        if number % 5 == 4 and customer is not None:
            clock_s = max(clock_s, admitted.time_s)
            said += wake("customer-1", customer, policy, clock_s).said
        outcome = perceive_step("customer-1", customer, admitted, policy)
        said += attend("customer-1", admitted, outcome, policy, clock_s).said
        customer = CODEC.decode(CODEC.encode(outcome.customer)) if coded else outcome.customer
    assert customer is not None
    said += wake("customer-1", customer, policy, customer.as_of_s + 1_000 * DAY_S).said
    return CODEC.encode(customer), said


@given(POLICIES, streams(most=12))
def test_a_probability_is_what_its_reasons_and_the_intercept_sum_to(
    policy: Policy, events: list[dict[str, Any]]
) -> None:
    customer = None
    for admitted in read(events, policy):
        customer = perceive_step("customer-1", customer, admitted, policy).customer
        score = full_score("customer-1", customer, policy, customer.as_of_s)
        assert [each.name for each in score.outlooks] == [each.name for each in policy.outlooks]
        for outlook, rule in zip(score.outlooks, policy.outlooks, strict=True):
            assert 0.0 < outlook.probability < 1.0
            sizes = [abs(each.adds) for each in outlook.reasons]
            assert sizes == sorted(sizes, reverse=True)
            total = rule.intercept + sum(each.adds for each in outlook.reasons)
            if abs(total) < 10.0:
                odds = log(outlook.probability / (1.0 - outlook.probability))
                assert abs(odds - total) < 1e-6
            else:
                bounded = min(max(total, -LARGEST), LARGEST)
                assert abs(outlook.probability - 1.0 / (1.0 + exp(-bounded))) < 1e-6


@given(POLICIES, streams(most=25))
def test_every_forecast_has_one_check_at_most_and_lies_before_what_it_foretold(
    policy: Policy, events: list[dict[str, Any]]
) -> None:
    _, said = lived(events, policy, coded=False)
    checks = [each.record for each in said if isinstance(each.record, OutlookCheck)]
    assert set(Counter(each.id for each in checks).values()) <= {1}
    horizons = {each.name: each.horizon_s for each in policy.outlooks}
    for name, horizon_s in horizons.items():
        made = sorted(each.made_at for each in checks if each.outlook == name)
        apart = [(b - a).total_seconds() for a, b in pairwise(made)]
        assert all(seconds >= DAY_S for seconds in apart)
        for check in checks:
            if check.outlook == name:
                taken_s = (check.settled_at - check.made_at).total_seconds()
                assert 0.0 < taken_s <= horizon_s + 1e-3
                assert check.happened or abs(taken_s - horizon_s) < 1e-3


@given(POLICIES, streams(most=25))
def test_the_same_stream_gives_the_same_checks_however_it_is_cut(
    policy: Policy, events: list[dict[str, Any]]
) -> None:
    assert lived(events, policy, coded=False) == lived(events, policy, coded=True)


@given(st.floats(0, 1))
def test_a_probability_lies_in_the_bin_that_is_told(probability: float) -> None:
    low = float(check_bin(probability))
    assert low <= probability + 1e-12
    assert probability < low + 0.1 + 1e-12 or probability == 1.0
