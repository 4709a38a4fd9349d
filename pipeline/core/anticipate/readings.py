"""What outlooks look at: the readings that tell a customer's kind, and what stands open."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from pipeline.core.perceive.character import READINGS as SIGNS
from pipeline.core.perceive.character import Known
from pipeline.core.perceive.promises import is_overdue
from pipeline.core.perceive.recovery import is_open


class Seen(NamedTuple):
    """A customer as of one time: what signs look at, and the score in points."""

    known: Known
    score: float


def reading_of(seen: Seen, reading: str, dimension: str | None) -> float | None:
    """The value of a reading; ``None`` where nothing is known of it."""
    own = _OWN.get(reading)
    return SIGNS[reading](seen.known, dimension) if own is None else own(seen)


def _open_failures(seen: Seen) -> float:
    # Loops here and below: this is asked for with every score, and mostly there is nothing.
    count, recovery = 0.0, seen.known.policy.recovery
    for failure in seen.known.customer.failures:
        if is_open(failure, recovery):
            count += 1.0
    return count


def _open_promises(seen: Seen) -> float:
    count = 0.0
    for promise in seen.known.customer.promises:
        if not promise.outcome:
            count += 1.0
    return count


def _overdue_promises(seen: Seen) -> float:
    count, at_s = 0.0, seen.known.at_s
    for promise in seen.known.customer.promises:
        if is_overdue(promise, at_s):
            count += 1.0
    return count


def _recent_contacts(seen: Seen) -> float:
    count, since_s = 0.0, seen.known.at_s - seen.known.policy.repeats.within_s
    for contact in seen.known.customer.contacts:
        if contact.at_s >= since_s:
            count += 1.0
    return count


_OWN: Final[Mapping[str, Callable[[Seen], float]]] = {
    "score": lambda seen: seen.score,
    "open_failures": _open_failures,
    "open_promises": _open_promises,
    "overdue_promises": _overdue_promises,
    "recent_contacts": _recent_contacts,
}
