"""The running account of one customer: booking what an event added, and reading its level."""

from collections.abc import Sequence
from heapq import heappop, heappush
from math import log2
from typing import Final, NamedTuple

from pipeline.core.customer import Account, Crowd, Customer, Kept
from pipeline.core.perceive.changes import NOTHING, Change
from pipeline.core.perceive.decay import (
    CONTACTS,
    CROWDING,
    EVIDENCE,
    EXPERIENCE,
    Scales,
    Weights,
    set_decay,
    weights,
)
from pipeline.core.perceive.fatigue import fatigue_cost
from pipeline.core.policy.compiled import Policy
from schemas.perception import Felt

# A contribution below this many log-odds is not worth a name; it stays in the sums.
_NEGLIGIBLE: Final = 1e-9
# In MessagePack: three floats, an array head, and heads of strings of up to 255 bytes.
_KEPT_BYTES: Final = 4 * 9 + 1 + 3 * 2


class Source(NamedTuple):
    """The event something is booked for: its id, touchpoint, time in seconds, and intensity."""

    event: str
    touchpoint: str
    time_s: float
    intensity: float


def book(
    customer: Customer, felts: Sequence[Felt], at: Weights, source: Source, policy: Policy
) -> None:
    """Add what an event meant, as of the event's own time, be it late or not.

    ``at``: the weights of that time.
    """
    intensity = source.intensity
    usual = intensity * at[EVIDENCE]
    long = intensity * at[EXPERIENCE]
    customer.evidence += usual
    for felt in felts:
        quality, value = felt.quality, felt.value
        assert quality is not None  # noqa: S101 - only entries of `rebook` have none
        account = _account(customer, felt.dimension, policy)
        if value > 0.0:
            account.gains += value * at[account.decay]
        else:
            account.losses -= value * at[account.decay]
        account.weight += usual
        account.quality += usual * quality
        account.square += usual * quality * quality
        account.long_weight += long
        account.long_quality += long * quality
        _keep(customer, Change(felt.dimension, value, source.time_s), source, policy)


def rebook(customer: Customer, changes: Sequence[Change], source: Source, policy: Policy) -> None:
    """Change what earlier failures and promises weigh, each as of its own time."""
    for change in changes:
        account = _account(customer, change.dimension, policy)
        # Off the losses, also where it is a gain: what was booked there is taken back to the bit.
        at = weights(customer, change.since_s)
        account.losses -= change.value * at[account.decay]
        if change.memory != NOTHING:
            weight, quality, square = change.memory
            account.weight += weight * at[EVIDENCE]
            account.quality += quality * at[EVIDENCE]
            account.square += square * at[EVIDENCE]
            account.long_weight += weight * at[EXPERIENCE]
            account.long_quality += quality * at[EXPERIENCE]
        _keep(customer, change, source, policy)


def book_contact(customer: Customer, channel: str, at: Weights) -> None:
    """Count an unasked contact; ``at``: the weights of its time."""
    crowd = customer.crowds.get(channel)
    if crowd is None:
        crowd = customer.crowds[channel] = Crowd()
    crowd.count += at[CONTACTS]
    crowd.squared += at[CROWDING]


def level(customer: Customer, policy: Policy, scale: Scales) -> float:
    """The sum of everything felt, in log-odds relative to the baseline.

    ``scale`` (of ``decay.scales``) says as of when.
    """
    total = 0.0
    for account in customer.dimensions.values():
        total += (account.gains - account.losses) * scale[account.decay]
    return total - fatigue_cost(customer, policy.fatigue, scale) if customer.crowds else total


def _account(customer: Customer, dimension: str, policy: Policy) -> Account:
    decay = policy.decays[dimension]
    account = customer.dimensions.get(dimension)
    if account is None:
        account = customer.dimensions[dimension] = Account(decay)
    elif account.decay != decay:  # the policy gave this dimension another half-life
        set_decay(customer, account, decay)
    return account


def _keep(customer: Customer, change: Change, source: Source, policy: Policy) -> None:
    """Keep a contribution by name if it is among the largest, in a heap with the least first."""
    dimension, value, since_s, _ = change
    size = abs(value)
    if size <= _NEGLIGIBLE:
        return
    heap, limits = customer.kept, policy.limits
    rank = log2(size) + since_s / customer.half_lives_s[policy.decays[dimension]]
    event, touchpoint, time_s, _ = source
    new = Kept(rank, event, dimension, touchpoint, since_s, value)
    if since_s != time_s:
        new = Kept(rank, event, dimension, touchpoint, since_s, value, time_s)
    taken = customer.kept_bytes + bytes_of(new)
    full = len(heap) >= limits.kept_contributions or taken > limits.kept_bytes
    if full and heap and rank < heap[0].rank:
        return  # it would be pushed and popped at once
    heappush(heap, new)
    customer.kept_bytes = taken
    trim_kept(customer, policy)


def trim_kept(customer: Customer, policy: Policy) -> None:
    """Let the least contributions go until the others fit."""
    heap, limits = customer.kept, policy.limits
    while len(heap) > limits.kept_contributions or customer.kept_bytes > limits.kept_bytes:
        customer.kept_bytes -= bytes_of(heappop(heap))


def bytes_of(kept: Kept) -> int:
    """The most bytes that a kept contribution takes in a state."""
    names = len(kept.event) + len(kept.dimension) + len(kept.touchpoint)
    return _KEPT_BYTES + names - (8 if kept.happened_s is None else 0)
