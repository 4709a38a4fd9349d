"""One event through the score: the customer before and after, and what it did."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pipeline.core.admission import Admitted
from pipeline.core.care.memory import Shown
from pipeline.core.customer import Customer, digest_of, has_seen, new_customer, remember
from pipeline.core.merge import Absorb, Loop, forwarded, hand_over, inherit
from pipeline.core.perceive.account import Source, level, rebook
from pipeline.core.perceive.changes import Change, Memory
from pipeline.core.perceive.decay import EVIDENCE, adopt_half_lives, advance, scales, weights
from pipeline.core.perceive.feel import Scene, feel, feel_anonymously, scene_of
from pipeline.core.perceive.score import points
from pipeline.core.policy.compiled import Policy
from pipeline.core.profile import consent, learn, tier_at, tier_of
from pipeline.core.trail import details_of
from schemas.ids import action_id
from schemas.inbound import Event
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


class _Moved(NamedTuple):
    """Whose score it was, without and with the event, and whose peers compare."""

    customer: str | None = None
    before: float | None = None
    after: float | None = None
    cohort: str | None = None


_NOBODY: Final = _Moved()


class Outcome(NamedTuple):
    """What one event came to.

    ``contribution`` is ``None`` for a duplicate, which does nothing, and for an event that is
    handed on, which will have its contribution where it goes. ``loop`` is what another customer's
    account has to hear.
    """

    customer: Customer
    contribution: Contribution | None
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
    before = _score_now(customer, policy)
    loop = None
    if type(event) in _ABOUT_CUSTOMERS:
        customer, loop = _about(name, customer, admitted, policy, inherited)
    scene = scene_of(event, time_s, tier_at(customer, time_s, policy), policy)
    felt = feel(customer, scene, policy)
    after = _score_now(customer, policy)
    moved = _Moved(name, before, after, customer.profile.cohort)
    return Outcome(customer, _contribution(scene, felt, policy, moved), loop)


def feel_own(
    name: str, customer: Customer, event: Event, time_s: float, policy: Policy
) -> Contribution:
    """Feel a touch that the pipeline itself made of others; it is not remembered by its id."""
    advance(customer, time_s)
    before = _score_now(customer, policy)
    scene = scene_of(event, time_s, tier_at(customer, time_s, policy), policy)
    felt = feel(customer, scene, policy)
    moved = _Moved(name, before, _score_now(customer, policy), customer.profile.cohort)
    return _contribution(scene, felt, policy, moved)


def take_back(
    name: str, customer: Customer, shown: Shown, policy: Policy, *, source: str, told_s: float
) -> Contribution:
    """Undo what was felt of ``shown``: as if it had never been.

    ``source`` says so, because of what happened at ``told_s``.
    """
    before = _score_now(customer, policy)
    at_s, weight = shown.at_s, shown.intensity
    changes = [
        Change(
            dimension,
            -value,
            at_s,
            Memory(-weight, -weight * quality, -weight * quality * quality),
        )
        for dimension, quality, value in shown.felt
    ]
    if changes:
        customer.evidence -= weight * weights(customer, at_s)[EVIDENCE]
    identity = action_id("withdrawn", name, source, shown.notice)
    rebook(customer, changes, Source(identity, shown.kind, at_s, weight), policy)
    since = datetime.fromtimestamp(at_s, UTC)
    return Contribution(
        event=identity,
        source=source,
        type="touchpoint.pattern.noticed.v1",
        touchpoint=shown.kind,
        time=datetime.fromtimestamp(told_s, UTC),
        customer=name,
        tier=tier_of(customer, policy),
        intent="none",
        felt=tuple(Felt(each.dimension, None, None, each.value, since=since) for each in changes),
        score_before=before,
        score_after=_score_now(customer, policy),
        policy=policy.ref.digest,
    )


def _score_now(customer: Customer, policy: Policy) -> float:
    scale = scales(customer, customer.as_of_s)
    return points(policy.base_logits[tier_of(customer, policy)] + level(customer, policy, scale))


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
    scene: Scene, felt: Sequence[Felt], policy: Policy, moved: _Moved
) -> Contribution:
    event, touch = scene.event, scene.touch
    return Contribution(
        event=event.id,
        source=event.source,
        type=event.type,
        touchpoint=scene.plan.touchpoint,
        time=datetime.fromtimestamp(scene.time_s, UTC),
        customer=moved.customer,
        tier=scene.tier,
        intent=touch.intent,
        felt=tuple(felt),
        score_before=moved.before,
        score_after=moved.after,
        policy=policy.ref.digest,
        channel=touch.channel or (scene.plan.channel if scene.plan.touchpoint else None),
        topic=touch.topic,
        department=getattr(event.data, "department", None),
        staff=getattr(event.data, "staff", None),
        cohort=moved.cohort,
        details=details_of(event),
    )
