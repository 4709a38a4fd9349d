"""One event through the core: the customer before and after, and what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from pipeline.core.admission import Admitted
from pipeline.core.care.actions import ACTIONS
from pipeline.core.customer import AlertWish, Customer, has_seen, new_customer, remember
from pipeline.core.perceive.account import book, level
from pipeline.core.perceive.contribution import contributions
from pipeline.core.perceive.decay import adopt_half_lives, advance, scales
from pipeline.core.perceive.score import points, tier_of
from pipeline.core.policy.plan import NOTHING_FELT, Plan, Policy
from pipeline.core.touch import Touch, touch_of
from schemas.care import CareAction, CareDecision
from schemas.inbound import Event
from schemas.perception import Contribution, Felt
from schemas.touchpoints.customers import CustomerProfiled, CustomerProfiledData
from schemas.touchpoints.observed import Observed


class Outcome(NamedTuple):
    """What one event came to. ``contribution`` is ``None`` for a duplicate, which does nothing."""

    customer: Customer
    contribution: Contribution | None
    care: tuple[CareAction | CareDecision, ...] = ()


def perceive_step(
    name: str, customer: Customer | None, admitted: Admitted, policy: Policy
) -> Outcome:
    """Take one event of the customer ``name`` into account.

    Changes ``customer`` in place and returns it; the caller owns it and lets nobody else see it.
    """
    event, time_s = admitted
    if customer is None:
        customer = new_customer(policy.half_lives_s, time_s)
    elif customer.half_lives_s != policy.half_lives_s:
        adopt_half_lives(customer, policy.half_lives_s, tuple(policy.decays.items()))
    digest = blake2b(f"{event.source}\0{event.id}".encode(), digest_size=8).digest()
    if has_seen(customer, digest):
        return Outcome(customer, None)
    remember(customer, digest, policy.limits.remembered_events)
    customer.events += 1
    advance(customer, time_s)
    scale = scales(customer, customer.as_of_s)
    before = points(policy.base_logits[tier_of(customer, policy)] + level(customer, policy, scale))
    if type(event) is CustomerProfiled:
        _learn(customer, event.data)
    tier, touch = tier_of(customer, policy), touch_of(event)
    plan = plan_for(event, tier, touch.intent, policy)
    felts = contributions(plan, event.data, touch, policy)
    if plan.touchpoint is not None:
        book(
            customer,
            felts,
            touch,
            event=event.id,
            touchpoint=plan.touchpoint,
            time_s=time_s,
            policy=policy,
        )
    after = points(policy.base_logits[tier] + level(customer, policy, scale))
    contribution = _contribution(
        admitted, plan, felts, touch, tier=tier, policy=policy, moved=(name, before, after)
    )
    actions = ACTIONS.get(type(event))
    if actions is None:
        return Outcome(customer, contribution)
    care = []
    for action in actions:
        proposed = action(name, customer, event, contribution.time, policy)
        if proposed is not None:
            care.append(proposed)
    return Outcome(customer, contribution, tuple(care))


def anonymous_step(admitted: Admitted, policy: Policy) -> Contribution:
    """What an event of nobody known means: it is told of the touchpoint, and moves no score."""
    event, touch = admitted.event, touch_of(admitted.event)
    plan = plan_for(event, policy.default_tier, touch.intent, policy)
    felts = contributions(plan, event.data, touch, policy)
    return _contribution(admitted, plan, felts, touch, tier=policy.default_tier, policy=policy)


def plan_for(event: Event, tier: str, intent: str, policy: Policy) -> Plan:
    """The plan of the event's touchpoint, or an empty one if the catalogue has none for it."""
    name = event.data.touchpoint if type(event) is Observed else policy.by_event.get(event.type)
    return NOTHING_FELT if name is None else policy.plans[tier, intent, name]


def _learn(customer: Customer, profile: CustomerProfiledData) -> None:
    """Take over what the profile says; what it leaves out stays as it was known."""
    customer.tier = profile.tier or customer.tier
    customer.cohort = profile.cohort or customer.cohort
    customer.language = profile.language or customer.language
    customer.time_zone = profile.time_zone or customer.time_zone
    if profile.alerts is not None:
        wish = profile.alerts
        customer.alerts = AlertWish(wish.threshold, wish.channel, wish.wanted)


def _contribution(
    admitted: Admitted,
    plan: Plan,
    felts: Sequence[Felt],
    touch: Touch,
    *,
    tier: str,
    policy: Policy,
    moved: tuple[str | None, float | None, float | None] = (None, None, None),
) -> Contribution:
    """``moved``: the customer, and the score without and with this event."""
    event = admitted.event
    customer, before, after = moved
    return Contribution(
        event=event.id,
        source=event.source,
        type=event.type,
        touchpoint=plan.touchpoint,
        time=datetime.fromtimestamp(admitted.time_s, UTC),
        customer=customer,
        tier=tier,
        intent=touch.intent,
        felt=tuple(felts),
        score_before=before,
        score_after=after,
        policy=policy.ref.digest,
    )
