"""Two ids turn out to be one customer: one account passes into the other, and nothing is lost.

The customer who stays asks (``absorbed``), the one who goes hands over the whole account
(``inherited``) and from then on forwards what still arrives. All three travel as events, for the
two may live in different partitions. Sums of forward decay add up, so it does not matter what
arrives before and what after.
"""

from heapq import heapify
from typing import Final, NamedTuple

from pipeline.core.anticipate import forecasts
from pipeline.core.care.joining import join_care
from pipeline.core.customer import (
    DIGEST_BYTES,
    Account,
    Burden,
    Crowd,
    Customer,
    Profile,
    new_customer,
)
from pipeline.core.perceive import promises, recovery, repeats
from pipeline.core.perceive.account import Source, rebook, trim_kept
from pipeline.core.perceive.decay import adopt_half_lives, advance, set_decay
from pipeline.core.policy.compiled import Policy
from schemas.inbound import Event

LARGEST_HOPS: Final = 8
"""So often an event is handed on; then two customers were merged into each other."""


class Absorb(NamedTuple):
    """Ask ``goes`` for the account, because of ``event``; it goes over to ``stays``."""

    goes: str
    stays: str
    event: Event


class Inherit(NamedTuple):
    """Hand ``account``, so far of ``goes``, over to ``stays``."""

    goes: str
    stays: str
    event: Event
    account: Customer


class Forward(NamedTuple):
    """Hand ``event`` on to ``stays``."""

    stays: str
    event: Event


Loop = Absorb | Inherit | Forward
"""What one customer's event asks of another's account."""


def forwarded(customer: Customer, event: Event) -> Forward | None:
    """Where an event of a customer who is gone has to go; ``None`` if it stays.

    After too many hops the customer is no longer held for gone: two that were merged into each
    other would send their events round for ever.
    """
    if customer.merged_into is None:
        return None
    if event.hops >= LARGEST_HOPS:
        customer.merged_into = None
        return None
    return Forward(customer.merged_into, event)


def hand_over(name: str, customer: Customer, into: str, event: Event) -> tuple[Customer, Inherit]:
    """What is left of a customer who goes, and the account for the one who stays."""
    left = new_customer(customer.half_lives_s, customer.as_of_s)
    left.seen, left.merged_into = customer.seen, into
    return left, Inherit(name, into, event, customer)


def inherit(customer: Customer, other: Customer, source: Source, policy: Policy) -> None:
    """Add the account ``other`` to that of ``customer``, whose own word stands where both differ.

    ``other`` may be of an older policy, and is used up. ``source`` is the event that brought it.
    """
    if other.half_lives_s != policy.half_lives_s:
        adopt_half_lives(other, policy.half_lives_s, tuple(policy.decays.items()))
    now_s = max(customer.as_of_s, other.as_of_s)
    advance(customer, now_s)
    advance(other, now_s)
    customer.since_s = min(customer.since_s, other.since_s)
    customer.events += other.events
    customer.evidence += other.evidence
    customer.inbound += other.inbound
    customer.complaints += other.complaints
    customer.initiative += other.initiative
    customer.cost += other.cost
    _add_accounts(customer, other)
    _add_counts(customer, other)
    _join_records(customer, other, source, policy)
    _fill_gaps(customer.profile, other.profile)
    limits, care = policy.limits, customer.care
    customer.seen = _both(customer.seen, other.seen, limits.remembered_events)
    care.done = _both(care.done, other.care.done, limits.remembered_actions)
    join_care(care, other.care, limits)
    forecasts.join(care, other.care, policy)


def _add_accounts(customer: Customer, other: Customer) -> None:
    for name, theirs in other.dimensions.items():
        mine = customer.dimensions.setdefault(name, Account(theirs.decay))
        if theirs.decay != mine.decay:
            set_decay(other, theirs, mine.decay)
        mine.gains += theirs.gains
        mine.losses += theirs.losses
        mine.weight += theirs.weight
        mine.quality += theirs.quality
        mine.square += theirs.square
        mine.long_weight += theirs.long_weight
        mine.long_quality += theirs.long_quality


def _add_counts(customer: Customer, other: Customer) -> None:
    for channel, crowd in other.crowds.items():
        mine = customer.crowds.setdefault(channel, Crowd())
        mine.count += crowd.count
        mine.squared += crowd.squared
    for kind, burden in other.burdens.items():
        spent = customer.burdens.setdefault(kind, Burden())
        spent.spent += burden.spent
        spent.times += burden.times


def _join_records(customer: Customer, other: Customer, source: Source, policy: Policy) -> None:
    """Put single records together; beyond the limits the earlier ones of ``other`` go first."""
    customer.rivals = [*other.rivals, *customer.rivals][-policy.limits.rival_offers :]
    customer.kept += other.kept
    customer.kept_bytes += other.kept_bytes
    heapify(customer.kept)
    trim_kept(customer, policy)
    changes = recovery.join(customer, other.failures, policy)
    changes += promises.join(customer, other.promises, policy)
    for contact in other.contacts:
        changes += repeats.come(customer, contact, policy)
    rebook(customer, changes, source, policy)


def _fill_gaps(mine: Profile, theirs: Profile) -> None:
    """What only the other profile knows is taken over; a consent denied to either stays denied."""
    if mine.since_s is None:
        mine.since_s = theirs.since_s
        mine.earlier_tier, mine.earlier_revenue = theirs.earlier_tier, theirs.earlier_revenue
    mine.tier = mine.tier or theirs.tier
    mine.cohort = mine.cohort or theirs.cohort
    mine.language = mine.language or theirs.language
    mine.time_zone = mine.time_zone or theirs.time_zone
    mine.revenue = theirs.revenue if mine.revenue is None else mine.revenue
    mine.alerts = mine.alerts or theirs.alerts
    mine.denied |= theirs.denied
    mine.granted = (mine.granted | theirs.granted) & ~mine.denied
    mine.consented_s = max(mine.consented_s, theirs.consented_s)


def _both(mine: bytes, theirs: bytes, most: int) -> bytes:
    """The latest ids of both, half of each if there are too many."""
    room = most * DIGEST_BYTES
    half = most // 2 * DIGEST_BYTES
    of_mine = max(half, room - len(theirs))
    kept = mine[-of_mine:] if of_mine else b""
    left = room - len(kept)
    return (theirs[-left:] if left else b"") + kept
