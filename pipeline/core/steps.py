"""One event through the core: the customer before and after, and what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pipeline.core.admission import Admitted
from pipeline.core.care.actions import ACTIONS
from pipeline.core.customer import Customer, digest_of, has_seen, new_customer, remember
from pipeline.core.merge import Absorb, Loop, forwarded, hand_over, inherit
from pipeline.core.perceive.account import Source, level
from pipeline.core.perceive.decay import adopt_half_lives, advance, scales
from pipeline.core.perceive.feel import Scene, feel, feel_anonymously, scene_of
from pipeline.core.perceive.score import points
from pipeline.core.policy.compiled import Policy
from pipeline.core.profile import consent, learn, tier_at, tier_of
from schemas.care import CareAction, CareDecision
from schemas.perception import Contribution, Felt
from schemas.touchpoints.customers import (
    CustomerAbsorbed,
    CustomerConsented,
    CustomerInherited,
    CustomerMerged,
    CustomerProfiled,
)

_ABOUT_CUSTOMERS: Final = frozenset(
    (
        CustomerProfiled,
        CustomerConsented,
        CustomerMerged,
        CustomerAbsorbed,
        CustomerInherited,
    )
)
_NOBODY: Final = (None, None, None)


class Outcome(NamedTuple):
    """What one event came to.

    ``contribution`` is ``None`` for a duplicate, which does nothing, and for an event that is
    handed on, which will have its contribution where it goes. ``loop`` is what another customer's
    account has to hear.
    """

    customer: Customer
    contribution: Contribution | None
    care: tuple[CareAction | CareDecision, ...] = ()
    loop: Loop | None = None


def perceive_step(
    name: str,
    customer: Customer | None,
    admitted: Admitted,
    policy: Policy,
    inherited: Customer | None = None,
) -> Outcome:
    """Take one event of the customer ``name`` into account.

    Changes ``customer`` in place and returns it; the caller owns it and lets nobody else see it.
    ``inherited`` is the account that an event ``customer.inherited`` carries.
    """
    event, time_s = admitted
    if customer is None:
        customer = new_customer(policy.half_lives_s, time_s)
    elif customer.half_lives_s != policy.half_lives_s:
        adopt_half_lives(customer, policy.half_lives_s, tuple(policy.decays.items()))
    forward = forwarded(customer, event)
    if forward is not None:
        return Outcome(customer, None, loop=forward)
    digest = digest_of(f"{event.source}\0{event.id}")
    if has_seen(customer, digest):
        return Outcome(customer, None)
    remember(customer, digest, policy.limits.remembered_events)
    customer.events += 1
    customer.since_s = min(customer.since_s, time_s)
    advance(customer, time_s)
    scale = scales(customer, customer.as_of_s)
    before = points(policy.base_logits[tier_of(customer, policy)] + level(customer, policy, scale))
    loop = None
    if type(event) in _ABOUT_CUSTOMERS:
        customer, loop = _about(name, customer, admitted, policy, inherited)
        scale = scales(customer, customer.as_of_s)
    scene = scene_of(event, time_s, tier_at(customer, time_s, policy), policy)
    felt = feel(customer, scene, policy)
    base = policy.base_logits[tier_of(customer, policy)]
    after = points(base + level(customer, policy, scale))
    contribution = _contribution(scene, felt, policy, (name, before, after))
    actions = ACTIONS.get(type(event))
    if actions is None:
        return Outcome(customer, contribution, loop=loop)
    care = []
    for action in actions:
        proposed = action(name, customer, event, contribution.time, policy)
        if proposed is not None:
            care.append(proposed)
    return Outcome(customer, contribution, tuple(care))


def _about(
    name: str,
    customer: Customer,
    admitted: Admitted,
    policy: Policy,
    inherited: Customer | None,
) -> tuple[Customer, Loop | None]:
    """Take in what an event says of the customer, not of a touch."""
    event, time_s = admitted
    if isinstance(event, CustomerProfiled):
        learn(customer, event.data, time_s)
    elif isinstance(event, CustomerConsented):
        consent(customer, event.data, time_s)
    elif isinstance(event, CustomerMerged) and event.data.merged != name:
        return customer, Absorb(event.data.merged, name, event)
    elif isinstance(event, CustomerAbsorbed) and event.data.into != name:
        return hand_over(name, customer, event.data.into, event)
    elif isinstance(event, CustomerInherited) and inherited is not None:
        source = Source(event.id, "merge", time_s, 1.0)
        inherit(customer, inherited, source, policy)
    return customer, None


def anonymous_step(admitted: Admitted, policy: Policy) -> Contribution:
    """What an event of nobody known means: it is told of the touchpoint, and moves no score."""
    scene = scene_of(admitted.event, admitted.time_s, policy.default_tier, policy)
    return _contribution(scene, feel_anonymously(scene, policy), policy, _NOBODY)


def _contribution(
    scene: Scene,
    felt: Sequence[Felt],
    policy: Policy,
    moved: tuple[str | None, float | None, float | None],
) -> Contribution:
    """``moved``: the customer, and the score without and with this event."""
    event = scene.event
    customer, before, after = moved
    return Contribution(
        event=event.id,
        source=event.source,
        type=event.type,
        touchpoint=scene.plan.touchpoint,
        time=datetime.fromtimestamp(scene.time_s, UTC),
        customer=customer,
        tier=scene.tier,
        intent=scene.touch.intent,
        felt=tuple(felt),
        score_before=before,
        score_after=after,
        policy=policy.ref.digest,
    )
