"""What happened to each customer, and what the pure core makes of it: the ground of analyses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.core.admission import Admitted, admit
from pipeline.core.customer import Customer
from pipeline.core.perceive.score import full_score
from pipeline.core.policy.compiled import Policy
from pipeline.core.steps import perceive_step
from pipeline.tools.lines import lines_of

Progress = Callable[[int, int | None], None]
"""Called with what is done and all there is; ``None`` while that is not known yet."""

READINGS: Final = ("score", "loyalty", "impression", "ratio")
"""Readings of a customer that can be compared; high is good in all of them."""


class Histories(NamedTuple):
    """The events of each customer in order of their lines, and what was left out.

    ``last_s`` is the time of the latest event in seconds since 1970, 0 if there is none.
    """

    customers: Mapping[str, Sequence[Admitted]]
    rejected: int
    anonymous: int
    last_s: float


class Life(NamedTuple):
    """What a history came to: the customer's state, and the mean quality felt in each touch."""

    customer: Customer
    qualities: tuple[float, ...]
    last_quality: float | None


def read_histories(events: Path, policy: Policy, progress: Progress) -> Histories:
    """The histories in a file of events, one JSON object a line. Raises ``OSError``."""
    total = events.stat().st_size
    with events.open("rb") as source:

        def values() -> Iterable[bytes]:
            for number, value in lines_of(source):
                if number % 1_000 == 0:
                    progress(source.tell(), total)
                yield value

        return histories_of(values(), policy)


def histories_of(values: Iterable[bytes], policy: Policy) -> Histories:
    """The histories in the given events; what the policy does not admit is counted."""
    customers: dict[str, list[Admitted]] = {}
    rejected = anonymous = 0
    last_s = 0.0
    for value in values:
        admitted = admit(value, (), -1, policy)
        if not isinstance(admitted, Admitted):
            rejected += 1
        elif admitted.event.subject is None:
            anonymous += 1
        else:
            customers.setdefault(admitted.event.subject, []).append(admitted)
            last_s = max(last_s, admitted.time_s)
    return Histories(customers, rejected, anonymous, last_s)


def live(name: str, history: Sequence[Admitted], policy: Policy) -> Life | None:
    """Step a history through the core; ``None`` if it is empty.

    ``qualities`` are all felt qualities of all touches, in [0, 1]; ``last_quality`` is the mean
    quality in the last touch that was felt, if any was.
    """
    customer: Customer | None = None
    qualities: list[float] = []
    last: float | None = None
    for admitted in history:
        outcome = perceive_step(name, customer, admitted, policy)
        customer = outcome.customer
        if outcome.contribution is None:
            continue
        now = [felt.quality for felt in outcome.contribution.felt if felt.quality is not None]
        if now:
            last = mean(now)
            qualities += now
    return None if customer is None else Life(customer, tuple(qualities), last)


def readings_at(
    name: str, customer: Customer, policy: Policy, at_s: float
) -> dict[str, float | None]:
    """The customer's readings as of ``at_s``; ``None`` where the score has no such reading."""
    score = full_score(name, customer, policy, at_s)
    return {reading: getattr(score, reading, None) for reading in READINGS}


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean, ``None`` of nothing."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values) if values else None
