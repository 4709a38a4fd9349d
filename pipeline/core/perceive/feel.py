"""One touch felt: what it means by the catalogue, and what that does to the account."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pipeline.core.customer import Contact, Customer, RivalOffer
from pipeline.core.perceive import promises, recovery, repeats
from pipeline.core.perceive.account import Source, book, book_contact, rebook
from pipeline.core.perceive.changes import Change
from pipeline.core.perceive.contribution import Contributed, contributions
from pipeline.core.perceive.decay import EVIDENCE, Weights, weights
from pipeline.core.perceive.expectation import context_at
from pipeline.core.perceive.recovery import NO_DIGEST, Fresh, Matter, case_key, is_open, topic_key
from pipeline.core.perceive.value import book_sacrifices
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.plan import NOTHING_FELT, Plan
from pipeline.core.touch import Touch, touch_of
from schemas.inbound import Event
from schemas.perception import Felt
from schemas.touchpoints.market import RivalOffered
from schemas.touchpoints.observed import Observed
from schemas.touchpoints.promises import PromiseBroken, PromiseKept, PromiseMade, PromiseWithdrawn

OTHER_CHANNELS: Final = "other"
"""Counts the unasked contacts on channels that do not tire on their own."""

_ENDS: Final = frozenset((PromiseBroken, PromiseKept, PromiseWithdrawn))


class Scene(NamedTuple):
    """An event as one customer's tier sees it: its time, its common side, its touchpoint."""

    event: Event
    time_s: float
    tier: str
    touch: Touch
    plan: Plan


def scene_of(event: Event, time_s: float, tier: str, policy: Policy) -> Scene:
    """The scene of an event; with an empty plan if the catalogue has no touchpoint for it."""
    touch = touch_of(event)
    return Scene(event, time_s, tier, touch, _plan_for(event, tier, touch.intent, policy))


def feel(customer: Customer, scene: Scene, policy: Policy) -> Sequence[Felt]:
    """Book everything a touch means for ``customer``; what was felt, for its contribution."""
    event, time_s, _, touch, plan = scene
    at = weights(customer, time_s)
    again = False
    came: Sequence[Change] = ()
    if touch.inbound and touch.topic is not None:
        again, came = _come(customer, scene, policy)
    if plan.touchpoint is not None:
        _count(customer, scene, at, again, policy)
    context = context_at(customer, time_s, policy)
    felt, failed = made = contributions(plan, event.data, touch, policy, context)
    changes: Sequence[Change] = ()
    if type(event) is PromiseMade:
        changes = promises.make(customer, event.data, time_s, policy)
    elif type(event) in _ENDS:
        weight = policy.promises.weights[scene.tier, touch.intent] * touch.intensity
        changes = promises.end(customer, event, time_s, weight, policy)  # type: ignore[arg-type]
    elif type(event) is RivalOffered:
        _offered(customer, event, time_s, policy)
    if failed or touch.resolved or plan.case is not None:
        changes = [*changes, *_on_record(customer, made, scene, policy)]
    if came:
        changes = [*changes, *came]
    source = Source(event.id, plan.touchpoint or event.type, time_s, touch.intensity)
    if felt:
        book(customer, felt, at, source, policy)
    if changes:
        rebook(customer, changes, source, policy)
        felt.extend(_told(change) for change in changes if change.value != 0.0)
    return felt


def feel_anonymously(scene: Scene, policy: Policy) -> Sequence[Felt]:
    """What a touch of nobody known means by the catalogue alone."""
    return contributions(scene.plan, scene.event.data, scene.touch, policy, None).felt


def _plan_for(event: Event, tier: str, intent: str, policy: Policy) -> Plan:
    if type(event) is Observed:
        return policy.plans[tier, intent, event.data.touchpoint]
    for name, where in policy.by_event.get(event.type, ()):
        if not where or all(read(event.data) == value for read, value in where):
            return policy.plans[tier, intent, name]
    return NOTHING_FELT


def _come(customer: Customer, scene: Scene, policy: Policy) -> tuple[bool, Sequence[Change]]:
    """Take a contact down that the customer sought on a topic: whether it had to be, by now.

    It is one too many if it is a repeat, or if an earlier failure on the topic is open.
    """
    touch, topic = scene.touch, topic_key(scene.touch.topic)
    weight = policy.repeats.weights[scene.tier, touch.intent] * touch.intensity
    contact = Contact(topic, scene.time_s, weight)
    changes = repeats.come(customer, contact, policy)
    again = contact.again or any(
        failure.topic == topic
        and failure.failed_s is not None
        and failure.failed_s < scene.time_s
        and is_open(failure, policy.recovery)
        for failure in customer.failures
    )
    return again, changes


def _count(customer: Customer, scene: Scene, at: Weights, again: bool, policy: Policy) -> None:
    """Count what is counted of every touch: contacts, who sought them, what they cost."""
    touch, plan = scene.touch, scene.plan
    if touch.unasked or plan.unasked:
        channel = touch.channel or plan.channel
        own = channel in policy.fatigue.channels
        book_contact(customer, channel if own else OTHER_CHANNELS, at)
    weight = at[EVIDENCE]
    if touch.inbound:
        customer.inbound += weight
    if touch.complaint:
        customer.complaints += weight
    if plan.initiative:
        customer.initiative += weight
    if plan.cost:
        customer.cost += weight * plan.cost
    if plan.sacrifices or again:
        measures = _sacrifices(scene)
        book_sacrifices(customer, measures, weight, again, policy.value)


def _sacrifices(scene: Scene) -> list[tuple[str, float]]:
    """What the touch cost the customer: kinds, and measures in acceptable units."""
    read = ((each, each.measure(scene.event.data)) for each in scene.plan.sacrifices)
    return [(each.kind, value / each.acceptable) for each, value in read if value is not None]


def _on_record(customer: Customer, made: Contributed, scene: Scene, policy: Policy) -> list[Change]:
    """Put failures on record, and do to those on record what the touch does to them."""
    (felt, failed), time_s, touch = made, scene.time_s, scene.touch
    matter = _matter(scene)
    if matter.case == NO_DIGEST:
        return []  # nothing by which it could ever be made good
    changes: list[Change] = []
    for place, base in failed:
        old = felt[place]
        quality = 0.0 if old.quality is None else old.quality
        fresh = Fresh(old.dimension, base, time_s, quality, touch.intensity)
        value, others = recovery.record(customer, matter, fresh, policy)
        felt[place] = Felt(old.dimension, old.quality, old.expected, value, old.sources)
        changes += others
    data, step = scene.event.data, scene.plan.case
    if step is None:
        if touch.resolved:
            justice = recovery.plain_justice(policy.recovery)
            changes += recovery.resolve(customer, matter, time_s, justice, policy)
    elif step.does == "hands_over":
        changes += recovery.hand_over(customer, matter, policy)
    elif step.does == "confirms":
        satisfied = bool(step.satisfied(data))
        changes += recovery.confirm(customer, matter, time_s, satisfied, policy)
    # What ended without settling the matter resolves nothing.
    elif step.does == "resolves" and getattr(data, "resolved", None) is not False:
        justice = recovery.justice_of(step, data, policy.recovery)
        changes += recovery.resolve(customer, matter, time_s, justice, policy)
    return changes


def _matter(scene: Scene) -> Matter:
    """What the touch is about: the case it names, else its topic."""
    topic, step = topic_key(scene.touch.topic), scene.plan.case
    named = None if step is None else step.id(scene.event.data)
    return Matter(topic if named is None else case_key(str(named)), topic)


def _offered(customer: Customer, event: RivalOffered, time_s: float, policy: Policy) -> None:
    """Take a rival's offer down. What a higher and earlier one says already adds nothing."""
    dimension, level = event.data.dimension, event.data.level
    if dimension not in policy.decays:
        return
    offers = customer.rivals
    if any(o.dimension == dimension and o.since_s <= time_s and o.level >= level for o in offers):
        return
    offers[:] = [
        o
        for o in offers
        if not (o.dimension == dimension and o.since_s >= time_s and o.level <= level)
    ]
    offers.append(RivalOffer(dimension, time_s, level))
    while len(offers) > policy.limits.rival_offers:
        offers.remove(min(offers, key=lambda offer: (offer.level, -offer.since_s)))


def _told(change: Change) -> Felt:
    since = datetime.fromtimestamp(change.since_s, UTC)
    return Felt(change.dimension, None, None, change.value, since=since)
