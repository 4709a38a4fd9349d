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
    recovery = seen.known.policy.recovery
    count = 0
    for failure in seen.known.customer.failures:
        count += is_open(failure, recovery)
    return float(count)


def _open_promises(seen: Seen) -> float:
    return float(sum(not each.outcome for each in seen.known.customer.promises))


def _overdue_promises(seen: Seen) -> float:
    at_s = seen.known.at_s
    return float(sum(is_overdue(each, at_s) for each in seen.known.customer.promises))


def _recent_contacts(seen: Seen) -> float:
    since_s = seen.known.at_s - seen.known.policy.repeats.within_s
    return float(sum(each.at_s >= since_s for each in seen.known.customer.contacts))


_OWN: Final[Mapping[str, Callable[[Seen], float]]] = {
    "score": lambda seen: seen.score,
    "open_failures": _open_failures,
    "open_promises": _open_promises,
    "overdue_promises": _overdue_promises,
    "recent_contacts": _recent_contacts,
}
