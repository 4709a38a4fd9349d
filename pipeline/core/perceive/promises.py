"""Promises: made, due, kept, late, broken, withdrawn.

Saying "I will" and doing it builds trust; a broken promise costs more than none. While it is
open, a promise lifts what is expected (``expectation``); how it ends is felt in the policy's
dimension of promises. Whether it was kept in time is known once both its end and its due time
are, whichever comes first; what that changes is booked at the end's own time.
"""

from collections.abc import Sequence
from typing import Final

from pipeline.core.customer import Customer, Promise, digest_of
from pipeline.core.perceive.changes import Change, difference, remembered
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.numbers import Promises
from schemas.touchpoints.promises import (
    PromiseBroken,
    PromiseKept,
    PromiseMadeData,
    PromiseWithdrawn,
)

Ending = PromiseKept | PromiseWithdrawn | PromiseBroken

KEPT: Final = 1
LATE: Final = 2
WITHDRAWN: Final = 3
BROKEN: Final = 4

_OUTCOMES: Final[dict[type, int]] = {
    PromiseKept: KEPT,
    PromiseWithdrawn: WITHDRAWN,
    PromiseBroken: BROKEN,
}


def make(customer: Customer, data: PromiseMadeData, at_s: float, policy: Policy) -> list[Change]:
    """Take a promise down; returns what to book, if its end was heard of already."""
    promise = _of(customer, data.promise, policy)
    old = _entry(promise, policy.promises)
    promise.made_s = at_s
    promise.due_s = None if data.due is None else data.due.timestamp()
    known = data.dimension in policy.decays
    promise.dimension, promise.level = (data.dimension, data.level) if known else (None, None)
    return _settle(promise, old, policy.promises)


def end(
    customer: Customer, event: Ending, at_s: float, weight: float, policy: Policy
) -> list[Change]:
    """Take down how a promise ended; returns what to book.

    ``weight`` is the touch's: gain, weight of the dimension and intensity multiplied. Of several
    ends the first in time counts, at one time the worse, of equal ones the weightier.
    """
    outcome = _OUTCOMES[type(event)]
    promise = _of(customer, event.data.promise, policy)
    if promise.outcome and _rank(promise) <= (at_s, -outcome, -weight):
        return []
    old = _entry(promise, policy.promises)
    promise.outcome, promise.outcome_s, promise.weight = outcome, at_s, weight
    return _settle(promise, old, policy.promises)


def join(customer: Customer, theirs: Sequence[Promise], policy: Policy) -> list[Change]:
    """Add the promises of another account that turned out to be the same customer's.

    Of one promise the first end counts, as always; returns what to book.
    """
    changes: list[Change] = []
    mine = {promise.promise: promise for promise in customer.promises}
    for other in theirs:
        promise = mine.get(other.promise)
        if promise is None:
            customer.promises.append(other)
            continue
        changes += difference(_entry(other, policy.promises), None)
        old = _entry(promise, policy.promises)
        if promise.made_s is None:
            promise.made_s, promise.due_s = other.made_s, other.due_s
            promise.dimension, promise.level = other.dimension, other.level
        if other.outcome and not (promise.outcome and _rank(promise) <= _rank(other)):
            promise.outcome, promise.outcome_s = other.outcome, other.outcome_s
            promise.weight = other.weight
        changes += _settle(promise, old, policy.promises)
    while len(customer.promises) > policy.limits.promises:
        _forget_one(customer, customer.promises)
    return changes


def _rank(promise: Promise) -> tuple[float, int, float]:
    """The end that counts is the least of this: whichever was heard of first."""
    return (promise.outcome_s, -promise.outcome, -promise.weight)


def outcome_of(promise: Promise) -> int:
    """How a promise ended, by what is known: 0 while it is open."""
    late = promise.due_s is not None and promise.outcome_s > promise.due_s
    return LATE if promise.outcome == KEPT and late else promise.outcome


def is_overdue(promise: Promise, at_s: float) -> bool:
    """Whether a promise is open although its time has passed."""
    return not promise.outcome and promise.due_s is not None and promise.due_s < at_s


def _settle(promise: Promise, old: Change | None, promises: Promises) -> list[Change]:
    promise.booked = promise.weight * promises.worth[outcome_of(promise)]
    return difference(old, _entry(promise, promises))


def _entry(promise: Promise, promises: Promises) -> Change | None:
    """What stands in the account for a promise; nothing while it is open."""
    outcome = outcome_of(promise)
    if not outcome:
        return None
    memory = remembered(promises.qualities[outcome])
    return Change(promises.dimension, promise.booked, promise.outcome_s, memory)


def _of(customer: Customer, name: str, policy: Policy) -> Promise:
    digest = digest_of(name)
    for promise in customer.promises:
        if promise.promise == digest:
            return promise
    made = Promise(digest)
    customer.promises.append(made)
    if len(customer.promises) > policy.limits.promises:
        _forget_one(customer, customer.promises[:-1])
    return made


def _forget_one(customer: Customer, among: Sequence[Promise]) -> None:
    """Open promises matter more than those that ended, later ones more than earlier."""
    least = min(among, key=_matters)
    customer.promises[:] = [each for each in customer.promises if each is not least]


def _matters(promise: Promise) -> tuple[bool, float]:
    when = promise.outcome_s if promise.outcome else promise.due_s or promise.made_s or 0.0
    return not promise.outcome, when
