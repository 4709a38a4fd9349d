"""What a campaign means to single customers: whom a step reaches, its events, its policy."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from math import floor, fsum
from typing import Any, Final, NamedTuple, Protocol
from uuid import NAMESPACE_URL, uuid5

from pipeline.core.admission import Admitted
from pipeline.core.perceive.feel import scene_of
from pipeline.core.policy.compiled import Policy, compile_policy
from pipeline.core.policy.numbers import DAY_S
from pipeline.core.policy.plan import Row
from pipeline.tools.review_campaign import (
    BenchmarkStep,
    Campaign,
    GiftStep,
    MessageStep,
    PromiseStep,
    Step,
    Who,
)
from schemas.inbound import EVENTS

SOURCE: Final = "/touchpoint/review"


class Person(Protocol):
    """As much of a customer as decides on who is meant."""

    @property
    def tier(self) -> str: ...

    @property
    def cohort(self) -> str | None: ...


class Reach(NamedTuple):
    """Whom a step reaches, in the order of the hash; of a promise, how it ends for whom."""

    step: Step
    customers: tuple[str, ...]
    late: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()


class Planned(NamedTuple):
    """What a campaign does to one customer: events in order of time, and changes of the policy.

    ``policies``: from when on (seconds since 1970) which policy tells how touches feel, earliest
    first; before, the usual one does. ``costs``: by number of the step, what it costs.
    """

    events: tuple[Admitted, ...]
    policies: tuple[tuple[float, Policy], ...]
    costs: Mapping[int, float]


def event_id(campaign: Campaign, customer: str, number: str) -> str:
    """The id of a simulated event, the same in every review of the campaign."""
    # NUL cannot occur in any of the parts, so no two different ones join to one name.
    return str(uuid5(NAMESPACE_URL, "\0".join((SOURCE, campaign.name, customer, number))))


def reaches(campaign: Campaign, people: Mapping[str, Person]) -> list[Reach]:
    """Whom each step reaches, step by step."""
    meant = chosen(campaign.who, people, campaign.name)
    found: list[Reach] = []
    for n, step in enumerate(campaign.steps):
        salt = f"{campaign.name}\0{n}"
        reached = chosen(step.to, {name: people[name] for name in meant}, salt)
        if not isinstance(step, PromiseStep):
            found.append(Reach(step, tuple(reached)))
            continue
        ends = by_hash(reached, f"{salt}\0ends")
        kept = _count(step.kept_share, ends)
        in_the_end = _count(step.kept_share + step.late_share, ends)
        late, broken = frozenset(ends[kept:in_the_end]), frozenset(ends[in_the_end:])
        found.append(Reach(step, tuple(reached), late, broken))
    return found


def chosen(who: Who, people: Mapping[str, Person], salt: str) -> list[str]:
    """Those of ``people`` who are meant, in the order of a stable hash."""
    fitting = [
        name
        for name, person in people.items()
        if (not who.tiers or person.tier in who.tiers)
        and (not who.cohorts or person.cohort in who.cohorts)
        and (not who.customers or name in who.customers)
    ]
    ordered = by_hash(fitting, salt)
    return ordered[: _count(who.share, ordered)]


def by_hash(names: Sequence[str], salt: str) -> list[str]:
    """Names in an order that looks like chance and is always the same."""
    return sorted(names, key=lambda name: (blake2b(f"{salt}\0{name}".encode()).digest(), name))


class Planner:
    """Makes events and policies of a campaign; keeps the policies it made."""

    def __init__(self, campaign: Campaign, reached: Sequence[Reach], policy: Policy) -> None:
        self._campaign, self._reached = campaign, reached
        self._sets = [frozenset(reach.customers) for reach in reached]
        self._starts_s = campaign.starts.timestamp()
        self._policy = policy
        self._policy_after = cache(self._make_policy)

    def planned(self, name: str, tier: str) -> Planned:
        """What the campaign does to one customer."""
        events: list[Admitted] = []
        changing: list[tuple[float, int]] = []
        costs: dict[int, float] = {}
        for n, reach in enumerate(self._reached):
            if name not in self._sets[n]:
                continue
            step = reach.step
            if isinstance(step, BenchmarkStep | PromiseStep) and _changes_policy(step):
                changing.append((self._starts_s + step.after_days * DAY_S, n))
            own = self._events(n, reach, name)
            events += own
            costs[n] = fsum(self._cost(step, admitted, tier) for admitted in own)
        events.sort(key=lambda admitted: admitted.time_s)
        changing.sort()
        applied = [tuple(n for _, n in changing[: k + 1]) for k in range(len(changing))]
        policies = tuple(
            (from_s, self._policy_after(steps))
            for (from_s, _), steps in zip(changing, applied, strict=True)
        )
        return Planned(tuple(events), policies, costs)

    def _events(self, n: int, reach: Reach, name: str) -> list[Admitted]:
        step, day = reach.step, reach.step.after_days
        if isinstance(step, GiftStep):
            gift = {"gift": step.gift, "intensity": step.intensity, "cost": step.cost}
            gift |= {"campaign": self._campaign.name}
            return [self._event("touchpoint.gift.given.v1", name, f"{n}.0", day, gift)]
        if isinstance(step, MessageStep):
            data = {"channel": step.channel, "purpose": step.purpose}
            return [
                self._event(
                    "touchpoint.message.delivered.v1",
                    name,
                    f"{n}.{k}",
                    day + k * step.every_days,
                    data,
                )
                for k in range(step.count)
            ]
        if isinstance(step, PromiseStep):
            return self._promise(n, step, reach, name)
        return []

    def _promise(self, n: int, step: PromiseStep, reach: Reach, name: str) -> list[Admitted]:
        promise, due_day = f"{self._campaign.name}/{n}", step.after_days + step.due_days
        made = {"promise": promise, "due": self._at(due_day)}
        made |= {"dimension": step.dimension, "level": step.level}
        broken = name in reach.broken
        end = "touchpoint.promise.broken.v1" if broken else "touchpoint.promise.kept.v1"
        ends_day = due_day + step.late_days if name in reach.late else due_day
        return [
            self._event("touchpoint.promise.made.v1", name, f"{n}.0", step.after_days, made),
            self._event(end, name, f"{n}.1", ends_day, {"promise": promise}),
        ]

    def _event(
        self, type_name: str, name: str, number: str, day: float, data: Mapping[str, Any]
    ) -> Admitted:
        at = self._at(day)
        event = EVENTS[type_name].model_validate(
            {
                "id": event_id(self._campaign, name, number),
                "source": SOURCE,
                "type": type_name,
                "subject": name,
                "time": at,
                "data": data,
            }
        )
        return Admitted(event, at.timestamp())  # type: ignore[arg-type]

    def _at(self, day: float) -> datetime:
        return self._campaign.starts.astimezone(UTC) + timedelta(days=day)

    def _cost(self, step: Step, admitted: Admitted, tier: str) -> float:
        if isinstance(step, GiftStep) and step.cost is not None:
            return step.cost
        return scene_of(admitted.event, admitted.time_s, tier, self._policy).plan.cost

    def _make_policy(self, steps: tuple[int, ...]) -> Policy:
        """The policy after these steps: other norms, other quality delivered."""
        changed = dict(self._policy.file.dimensions)
        delivered: dict[str, float] = {}
        for n in steps:
            step = self._campaign.steps[n]
            if isinstance(step, BenchmarkStep):
                dimension = changed[step.dimension]
                norm = step.to_level if step.by is None else dimension.norm + step.by
                norm = min(max(norm or 0.0, 0.0), 1.0)
                changed[step.dimension] = dimension.model_copy(update={"norm": norm})
            if isinstance(step, BenchmarkStep | PromiseStep) and step.delivered is not None:
                delivered[step.dimension] = step.delivered
        file = self._policy.file.model_copy(update={"dimensions": changed})
        return _delivering(compile_policy(file, self._policy.ref), delivered)


def _changes_policy(step: BenchmarkStep | PromiseStep) -> bool:
    return isinstance(step, BenchmarkStep) or step.delivered is not None


def _delivering(policy: Policy, delivered: Mapping[str, float]) -> Policy:
    """The policy by which every touch in these dimensions has the quality delivered."""
    if not delivered:
        return policy
    plans = {
        key: plan._replace(
            rows=tuple(
                _row_delivering(row, delivered[row.dimension])
                if row.dimension in delivered
                else row
                for row in plan.rows
            )
        )
        for key, plan in policy.plans.items()
    }
    return policy._replace(plans=plans)


def _row_delivering(row: Row, quality: float) -> Row:
    """The row with this quality wherever a touch has any evidence at all."""
    felt = row.felt
    return row._replace(felt=lambda data: None if felt(data) is None else quality)


def _count(share: float, names: Sequence[str]) -> int:
    """A share of customers as a whole number, halves up."""
    return min(floor(share * len(names) + 0.5), len(names))
