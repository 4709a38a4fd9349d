"""What staff did for customers on their own, out of a history or a ledger: ground for new rules."""

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.core.admission import Admitted, admit
from pipeline.core.attend import attend, wake
from pipeline.core.care.memory import next_alarm_s
from pipeline.core.customer import Customer
from pipeline.core.moment import Answer
from pipeline.core.policy.compiled import Policy
from pipeline.core.steps import perceive_step
from pipeline.tools.histories import Progress
from pipeline.tools.lines import lines_of
from schemas.care import CareDecision
from schemas.perception import Contribution

AFTER_S: Final = 30 * 86_400.0
"""The score is looked at again within so many seconds: an impression halves in that time."""

_HOUR_S: Final = 3_600.0
_NOTICED: Final = "touchpoint.pattern.noticed.v1"


class Cared(NamedTuple):
    """One time that somebody cared for a customer.

    ``trigger`` is what the pipeline had seen by then, empty if nothing. ``before`` is the score
    without this touch and ``later`` that after the last touch within ``AFTER_S``, each ``None``
    where it is not known.
    """

    customer: str
    care: str
    because: str
    trigger: str
    channel: str | None
    cost: float
    at_s: float
    before: float | None
    later: float | None


class ByHand(NamedTuple):
    """All care by hand, and how many customers were in each situation that a rule can see.

    ``situations`` is by trigger; ``days`` is how long the history is.
    """

    cared: tuple[Cared, ...]
    situations: Mapping[str, int]
    customers: int
    days: float


class Gathering:
    """Puts decisions and contributions together, in whatever order they come."""

    def __init__(self) -> None:
        self._recorded: list[CareDecision] = []
        self._moved: dict[str, list[tuple[float, str, str, float, float]]] = {}
        self._seen: dict[str, set[str]] = {}
        self._first_s, self._last_s = float("inf"), float("-inf")

    def decision(self, made: CareDecision) -> None:
        self._reach(made.decided_at.timestamp())
        if made.outcome == "recorded":
            self._recorded.append(made)
        if made.trigger:
            self._seen.setdefault(made.trigger, set()).add(made.customer)

    def contribution(self, made: Contribution) -> None:
        if made.customer is None or made.score_before is None or made.score_after is None:
            return
        at_s = made.time.timestamp()
        self._reach(at_s)
        moved = (at_s, made.source, made.event, made.score_before, made.score_after)
        self._moved.setdefault(made.customer, []).append(moved)
        if made.type == _NOTICED and made.touchpoint is not None:
            self._seen.setdefault(f"notice.{made.touchpoint}", set()).add(made.customer)

    def gathered(self) -> ByHand:
        """What was found, in order of time."""
        ordered = sorted(self._recorded, key=lambda each: (each.decided_at, each.id))
        days = max((self._last_s - self._first_s) / 86_400.0, 1.0) if self._moved else 1.0
        return ByHand(
            cared=tuple(self._cared(each) for each in ordered),
            situations={name: len(customers) for name, customers in self._seen.items()},
            customers=len(self._moved),
            days=days,
        )

    def _reach(self, at_s: float) -> None:
        self._first_s, self._last_s = min(self._first_s, at_s), max(self._last_s, at_s)

    def _cared(self, made: CareDecision) -> Cared:
        at_s = made.decided_at.timestamp()
        before: float | None = None
        later: tuple[float, float] | None = None
        for time_s, source, event, score, after in self._moved.get(made.customer, ()):
            if (source, event) == (made.cause.source, made.cause.event):
                before = score
            elif at_s < time_s <= at_s + AFTER_S and (later is None or time_s >= later[0]):
                later = (time_s, after)
        return Cared(
            customer=made.customer,
            care=made.action,
            because=made.reason,
            trigger=made.trigger,
            channel=made.channel,
            cost=made.cost,
            at_s=at_s,
            before=before,
            later=None if later is None else later[1],
        )


def from_events(events: Path, policy: Policy, progress: Progress) -> ByHand:
    """The care by hand in a file of events in order of time, replayed. Raises ``OSError``.

    As in a replay a tick tells each hour before its first event, and what waits for a time is
    looked at then. Ids that turned out to be one customer count as two.
    """
    total = events.stat().st_size
    town = _Town(policy)
    with events.open("rb") as source:
        for number, value in lines_of(source):
            if number % 1_000 == 0:
                progress(source.tell(), total)
            admitted = admit(value, (), -1, policy)
            if isinstance(admitted, Admitted) and admitted.event.subject is not None:
                town.happen(admitted.event.subject, admitted)
    return town.gathering.gathered()


class _Town:
    """All customers of a history, and the times that they wait for."""

    def __init__(self, policy: Policy) -> None:
        self.gathering = Gathering()
        self._policy = policy
        self._customers: dict[str, Customer] = {}
        self._waiting: list[tuple[float, str]] = []
        self._clock_s = 0.0

    def happen(self, name: str, admitted: Admitted) -> None:
        self._tick(admitted.time_s // _HOUR_S * _HOUR_S)
        outcome = perceive_step(name, self._customers.get(name), admitted, self._policy)
        self._customers[name] = outcome.customer
        self._hear(name, attend(name, admitted, outcome, self._policy, self._clock_s))

    def _tick(self, clock_s: float) -> None:
        if clock_s <= self._clock_s:
            return
        self._clock_s = clock_s
        due: set[str] = set()
        while self._waiting and self._waiting[0][0] <= clock_s:
            due.add(heappop(self._waiting)[1])
        for name in sorted(due):
            self._hear(name, wake(name, self._customers[name], self._policy, clock_s))

    def _hear(self, name: str, answer: Answer) -> None:
        for said in answer.said:
            if isinstance(said.record, CareDecision):
                self.gathering.decision(said.record)
            elif isinstance(said.record, Contribution):
                self.gathering.contribution(said.record)
        next_s = next_alarm_s(self._customers[name].care)
        if next_s is not None:
            heappush(self._waiting, (next_s, name))


def from_records(
    decisions: Iterable[CareDecision], contributions: Iterable[Contribution]
) -> ByHand:
    """The same of what the pipeline has written."""
    gathering = Gathering()
    for decision in decisions:
        gathering.decision(decision)
    for contribution in contributions:
        gathering.contribution(contribution)
    return gathering.gathered()
