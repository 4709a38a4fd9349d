"""The past of each customer up to a campaign's start, and the futures that may follow from it.

The delivery to be expected is that of the past: the touches of as many days before the start as
the campaign looks ahead are repeated after it, at the same distances. What the past says of
customers and of the market (profiles, consent, merges, rivals' offers) is known and stays so; it
is not repeated. Two customers who were merged into one are looked at as the two they were.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import inf
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.core.admission import Admitted
from pipeline.core.customer import Customer
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.expectation import context_at, expected_of
from pipeline.core.perceive.fatigue import fatigue_cost
from pipeline.core.perceive.ratio import read_ratio
from pipeline.core.perceive.score import score_at
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.numbers import DAY_S
from pipeline.core.profile import tier_of
from pipeline.core.steps import perceive_step
from pipeline.tools.histories import Histories
from pipeline.tools.review_campaign import Campaign
from pipeline.tools.review_plan import Planned, event_id
from schemas.touchpoints.customers import (
    CustomerAbsorbed,
    CustomerConsented,
    CustomerInherited,
    CustomerMerged,
    CustomerProfiled,
)
from schemas.touchpoints.market import RivalOffered
from schemas.touchpoints.promises import PromiseMadeData

_NO_TOUCH: Final = frozenset(
    (
        CustomerAbsorbed,
        CustomerConsented,
        CustomerInherited,
        CustomerMerged,
        CustomerProfiled,
        RivalOffered,
    )
)
_PROMISE: Final = "promise"


class Delivered(NamedTuple):
    """The qualities felt in one dimension: their sum, and how many they are."""

    total: float
    touches: int


class Past(NamedTuple):
    """A customer as of the start, and what is to be expected of delivery after it.

    ``repeated``: the touches to come without a campaign. ``delivered``: by dimension, what the
    touches they repeat felt like.
    """

    customer: Customer
    tier: str
    cohort: str | None
    repeated: tuple[Admitted, ...]
    delivered: Mapping[str, Delivered]


class Pasts(NamedTuple):
    """The customers known at the start; how many events came after it, when the first was."""

    customers: Mapping[str, Past]
    after_start: int
    first_s: float | None


class Level(NamedTuple):
    """One dimension: its weight, what is perceived and expected, in [0, 1].

    A dimension that was not ``felt`` is perceived as the norm.
    """

    weight: float
    perceived: float
    expected: float
    felt: bool


class Reading(NamedTuple):
    """A customer at one time. ``fatigue`` is what unasked contacts cost, in log-odds."""

    score: float
    fatigue: float
    levels: Mapping[str, Level]


def pasts_of(histories: Histories, campaign: Campaign, policy: Policy) -> Pasts:
    """Live every history up to the campaign's start."""
    starts_s = campaign.starts.timestamp()
    cases = _case_fields(policy)
    customers: dict[str, Past] = {}
    after_start, first_s = 0, None
    for name, history in histories.customers.items():
        before = [admitted for admitted in history if admitted.time_s < starts_s]
        after_start += len(history) - len(before)
        past = _past(name, before, campaign, cases, policy)
        if past is not None:
            customers[name] = past
            first = min(admitted.time_s for admitted in before)
            first_s = first if first_s is None else min(first, first_s)
    return Pasts(customers, after_start, first_s)


def futures(
    name: str, past: Past, planned: Planned, times_s: Sequence[float], policy: Policy
) -> tuple[list[Reading], list[Reading]]:
    """The readings at ``times_s`` (ascending) without and with what is planned."""
    without = _live(name, past, past.repeated, ((-inf, policy),), times_s)
    if not planned.events and not planned.policies:
        return without, without
    # Of one time the planned comes first: a promise holds for the touch of the same minute.
    events = sorted((*planned.events, *past.repeated), key=lambda admitted: admitted.time_s)
    return without, _live(name, past, events, ((-inf, policy), *planned.policies), times_s)


def _past(
    name: str, before: Sequence[Admitted], campaign: Campaign, cases: Sequence[str], policy: Policy
) -> Past | None:
    from_s = campaign.starts.timestamp() - campaign.days * DAY_S
    customer: Customer | None = None
    repeated: list[Admitted] = []
    sums: dict[str, tuple[float, int]] = {}
    for admitted in before:
        outcome = perceive_step(name, customer, admitted, policy)
        customer = outcome.customer
        if outcome.contribution is None or admitted.time_s < from_s:
            continue
        if type(admitted.event) not in _NO_TOUCH:
            number = f"past.{len(repeated)}"
            repeated.append(_again(admitted, event_id(campaign, name, number), campaign, cases))
        for felt in outcome.contribution.felt:
            if felt.quality is not None:
                total, touches = sums.get(felt.dimension, (0.0, 0))
                sums[felt.dimension] = (total + felt.quality, touches + 1)
    if customer is None or customer.merged_into is not None:
        return None
    repeated.sort(key=lambda admitted: admitted.time_s)
    delivered = {dimension: Delivered(*both) for dimension, both in sums.items()}
    tier, cohort = tier_of(customer, policy), customer.profile.cohort
    return Past(customer, tier, cohort, tuple(repeated), delivered)


def _again(admitted: Admitted, new_id: str, campaign: Campaign, cases: Iterable[str]) -> Admitted:
    """The touch once more, ``days`` later. What it is about is another case, not the same."""
    event, later = admitted.event, timedelta(days=campaign.days)
    changes: dict[str, Any] = {}
    for field in cases:
        case = getattr(event.data, field, None)
        if isinstance(case, str):
            changes[field] = f"{case}\0again"
    if isinstance(event.data, PromiseMadeData) and event.data.due is not None:
        changes["due"] = event.data.due + later
    data = event.data.model_copy(update=changes) if changes else event.data
    again = event.model_copy(update={"id": new_id, "time": event.time + later, "data": data})
    return Admitted(again, admitted.time_s + campaign.days * DAY_S)


def _case_fields(policy: Policy) -> tuple[str, ...]:
    """The fields by which events of one case find each other."""
    steps = [touchpoint.case for touchpoint in policy.file.touchpoints.values()]
    return tuple({_PROMISE: None} | {step.id: None for step in steps if step is not None})


def _live(
    name: str,
    past: Past,
    events: Sequence[Admitted],
    policies: Sequence[tuple[float, Policy]],
    times_s: Sequence[float],
) -> list[Reading]:
    customer = msgspec.msgpack.decode(msgspec.msgpack.encode(past.customer), type=Customer)
    readings: list[Reading] = []
    waiting = list(reversed(times_s))
    for admitted in events:
        while waiting and waiting[-1] <= admitted.time_s:
            readings.append(_read(customer, policies, waiting[-1]))
            waiting.pop()
        policy = next(p for from_s, p in reversed(policies) if from_s <= admitted.time_s)
        customer = perceive_step(name, customer, admitted, policy).customer
    for at_s in reversed(waiting):
        readings.append(_read(customer, policies, at_s))
    return readings


def _read(customer: Customer, policies: Sequence[tuple[float, Policy]], at_s: float) -> Reading:
    """The reading just before ``at_s``: what happens or changes then does not count yet."""
    policy = next(policy for from_s, policy in reversed(policies) if from_s < at_s)
    tier, scale = tier_of(customer, policy), scales(customer, at_s)
    context = context_at(customer, at_s, policy)
    felt = read_ratio(customer, tier, context, policy, scale).dimensions
    levels = {r.dimension: Level(r.weight, r.perceived, r.expected, True) for r in felt}
    for name, counts in policy.standing[tier].items():
        if name not in levels:
            expected = counts.expected
            if context is not None:
                expected = expected_of(context, counts, policy.expectation).level
            levels[name] = Level(counts.weight, counts.norm, expected, False)
    score = score_at(customer, policy, at_s)
    return Reading(score, fatigue_cost(customer, policy.fatigue, scale), levels)
