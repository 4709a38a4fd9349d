"""Reviews a campaign before it starts: what it does to expectation and satisfaction, and to whom.

Two futures follow from one history, with and without the campaign (``review_futures``). They are
compared by customer over the same dimensions, those felt in either and those the campaign is
about, and told by tier, by cohort and over all. The figures are means over a group's customers,
reached or not. ``review_warnings`` says what in them speaks against the campaign.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from typing import Final, NamedTuple

from pipeline.core.perceive.ratio import bounded
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.numbers import DAY_S
from pipeline.tools.histories import Histories, Progress
from pipeline.tools.review_campaign import BenchmarkStep, Campaign, PromiseStep
from pipeline.tools.review_futures import Past, Reading, futures, pasts_of
from pipeline.tools.review_plan import Planner, Reach, reaches

CLEAR_POINTS: Final = 1.0
"""A score that changes by more than this, of 100 points, rises or falls clearly."""

_TOUCHED: Final = 1e-9  # log-odds: more than rounding


class NoHistoryError(Exception):
    """No customer is known before the campaign starts."""


class Pair(NamedTuple):
    """One figure without and with the campaign."""

    without: float
    with_campaign: float

    @property
    def change(self) -> float:
        """What the campaign adds."""
        return self.with_campaign - self.without


class Felt(NamedTuple):
    """Mean perceived and expected level in [0, 1], weighed, and their ratio in [0, 2]."""

    perceived: Pair
    expectation: Pair
    ratio: Pair


class Effect(NamedTuple):
    """What the campaign does to one customer.

    ``felt``: at each time looked at, the end of the campaign last; ``score`` at the end. ``tired``:
    unasked contacts cost more than without the campaign.
    """

    tier: str
    cohort: str | None
    reached: bool
    cost: float
    score: Pair
    felt: tuple[Felt, ...]
    tired: bool


class Group(NamedTuple):
    """The effects on a group of customers; ``kind`` is all, tier or cohort.

    ``felt`` and ``score`` are means at the end, ``passing`` (by day) what was felt just before a
    promise fell due. ``fell`` and ``rose`` are shares of customers whose score changes by more
    than ``CLEAR_POINTS``; ``cost`` is that of the whole group.
    """

    kind: str
    name: str
    customers: int
    reached: int
    felt: Felt
    score: Pair
    fell: float
    rose: float
    cost: float
    passing: tuple[tuple[float, Felt], ...]

    @property
    def title(self) -> str:
        """``tier gold``, or ``all``."""
        return f"{self.kind} {self.name}".rstrip()


class Review(NamedTuple):
    """What came of a review. ``history_days``: how far the history goes back from the start."""

    campaign: Campaign
    history_days: float
    after_start: int
    rejected: int
    reached: tuple[Reach, ...]
    costs: tuple[float, ...]
    groups: tuple[Group, ...]
    effects: Mapping[str, Effect]
    pasts: Mapping[str, Past]


def review(campaign: Campaign, histories: Histories, policy: Policy, progress: Progress) -> Review:
    """Simulate a campaign. Raises ``NoHistoryError`` if no customer is known at its start."""
    pasts = pasts_of(histories, campaign, policy)
    if pasts.first_s is None:
        raise NoHistoryError(f"no event in the history is before {campaign.starts.isoformat()}")
    reached = reaches(campaign, pasts.customers)
    planner = Planner(campaign, reached, policy)
    days = _days_looked_at(campaign)
    starts_s = campaign.starts.timestamp()
    times_s = [starts_s + day * DAY_S for day in days]
    about = frozenset(
        step.dimension for step in campaign.steps if isinstance(step, PromiseStep | BenchmarkStep)
    )
    costs: list[list[float]] = [[] for _ in reached]
    effects: dict[str, Effect] = {}
    anybody = {name for reach in reached for name in reach.customers}
    for done, (name, past) in enumerate(pasts.customers.items()):
        planned = planner.planned(name, past.tier)
        both = futures(name, past, planned, times_s, policy)
        spent = fsum(planned.costs.values())
        effects[name] = _effect(past, both, about, reached=name in anybody, cost=spent)
        for n, cost in planned.costs.items():
            costs[n].append(cost)
        if done % 100 == 0:
            progress(done, len(pasts.customers))
    return Review(
        campaign=campaign,
        history_days=(starts_s - pasts.first_s) / DAY_S,
        after_start=pasts.after_start,
        rejected=histories.rejected,
        reached=tuple(reached),
        costs=tuple(map(fsum, costs)),
        groups=tuple(_groups(effects, days)),
        effects=effects,
        pasts=pasts.customers,
    )


def _days_looked_at(campaign: Campaign) -> list[float]:
    """The days on which promises fall due, when expectation is highest, and the last one."""
    due = {s.after_days + s.due_days for s in campaign.steps if isinstance(s, PromiseStep)}
    return [*sorted(due), campaign.days]


def _effect(
    past: Past,
    both: tuple[Sequence[Reading], Sequence[Reading]],
    about: frozenset[str],
    *,
    reached: bool,
    cost: float,
) -> Effect:
    without, with_campaign = both
    return Effect(
        tier=past.tier,
        cohort=past.cohort,
        reached=reached,
        cost=cost,
        score=Pair(without[-1].score, with_campaign[-1].score),
        felt=tuple(_felt(a, b, about) for a, b in zip(without, with_campaign, strict=True)),
        tired=any(
            b.fatigue > a.fatigue + _TOUCHED for a, b in zip(without, with_campaign, strict=True)
        ),
    )


def _felt(without: Reading, with_campaign: Reading, about: frozenset[str]) -> Felt:
    """Both readings over the same dimensions; over all of them if none was felt."""
    same = [
        name
        for name, level in with_campaign.levels.items()
        if level.felt or without.levels[name].felt or name in about
    ] or list(with_campaign.levels)
    perceived, expected = [], []
    for reading in (without, with_campaign):
        levels = [reading.levels[name] for name in same]
        weight = sum(level.weight for level in levels) or 1.0
        perceived.append(sum(level.weight * level.perceived for level in levels) / weight)
        expected.append(sum(level.weight * level.expected for level in levels) / weight)
    ratios = [bounded(p, e) for p, e in zip(perceived, expected, strict=True)]
    return Felt(Pair(*perceived), Pair(*expected), Pair(*ratios))


def _groups(effects: Mapping[str, Effect], days: Sequence[float]) -> Iterator[Group]:
    yield _group("all", "", list(effects.values()), days)
    for kind in ("tier", "cohort"):
        members: dict[str, list[Effect]] = {}
        for effect in effects.values():
            name = effect.tier if kind == "tier" else effect.cohort
            if name is not None:
                members.setdefault(name, []).append(effect)
        for name in sorted(members):
            yield _group(kind, name, members[name], days)


def _group(kind: str, name: str, effects: Sequence[Effect], days: Sequence[float]) -> Group:
    count = len(effects)
    felt = [
        Felt(
            _mean([effect.felt[n].perceived for effect in effects]),
            _mean([effect.felt[n].expectation for effect in effects]),
            _mean([effect.felt[n].ratio for effect in effects]),
        )
        for n in range(len(days))
    ]
    changes = [effect.score.change for effect in effects]
    return Group(
        kind=kind,
        name=name,
        customers=count,
        reached=sum(effect.reached for effect in effects),
        felt=felt[-1],
        score=_mean([effect.score for effect in effects]),
        fell=sum(change < -CLEAR_POINTS for change in changes) / count,
        rose=sum(change > CLEAR_POINTS for change in changes) / count,
        cost=fsum(effect.cost for effect in effects),
        passing=tuple(zip(days[:-1], felt[:-1], strict=True)),
    )


def _mean(pairs: Sequence[Pair]) -> Pair:
    count = len(pairs)
    return Pair(
        sum(pair.without for pair in pairs) / count,
        sum(pair.with_campaign for pair in pairs) / count,
    )
