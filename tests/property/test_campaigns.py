"""What must hold of campaigns for any stream of proposals, any ticks between them, any limits."""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.policy.campaigns import CampaignRule
from pipeline.core.policy.compiled import Policy
from schemas.care import CareDeclined, CareProposal
from schemas.topics import EVENTS
from tests.unit.allocating import (
    CLOSES,
    FESTIVAL,
    POOL,
    Desk,
    campaign_policy,
    declined,
    minutes,
    proposal,
)

END = CLOSES + timedelta(days=30)
"""By then nothing is in time any more."""

COSTS = (0.0, 0.07, 1.0, 2.5)
TIERS = ("gold", "ordinary")


class Verdict(NamedTuple):
    at: datetime
    proposal: CareProposal
    allocated: bool
    reason: str


Stream = list[msgspec.Struct | datetime]


class Case(NamedTuple):
    """A campaign by name, what the policy says of it, and what it is told."""

    name: str
    section: dict[str, Any]
    stream: Stream

    def policy(self) -> Policy:
        return campaign_policy(self.name, **self.section)


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    limits: dict[str, Any] = {
        "budget": draw(st.none() | st.sampled_from([0.0, 7.0, 20.0, 100.0])),
        "budget_per_day": draw(st.none() | st.sampled_from([0.0, 5.0, 12.0])),
        "capacity_per_day": draw(st.none() | st.integers(0, 9)),
        "stock": draw(st.none() | st.integers(0, 15)),
        "cohorts": draw(st.sampled_from(["whole", "single"])),
        "lanes": draw(st.sampled_from([{}, {"gold": 0.3}, {"gold": 0.5, "ordinary": 0.5}])),
        "zone": draw(st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"])),
        "largest_members": draw(st.sampled_from([5, 100_000, 100_000])),
    }
    if draw(st.booleans()):
        limits["not_after"] = (CLOSES + timedelta(days=2)).isoformat()
    return limits


@st.composite
def streams(draw: st.DrawFn, name: str) -> Stream:
    """Proposals, some twice, some in cohorts, some declined, with ticks in between."""
    stream: Stream = []
    sizes = {f"team-{n}": draw(st.none() | st.integers(1, 5)) for n in range(3)}
    for number in range(draw(st.integers(0, 25))):
        at = minutes(draw(st.integers(-60, 2 * 1_440)) if name == POOL else 0)
        team = draw(st.none() | st.sampled_from(sorted(sizes)))
        common = {"campaign": name, "cohort": team, "cohort_size": sizes.get(team or "")}
        kind = draw(st.sampled_from(["proposal"] * 6 + ["declined", "again", "tick"]))
        if kind == "again" and stream:
            stream.append(draw(st.sampled_from(stream)))
        elif kind == "declined" and team is not None:
            stream.append(declined(f"c-{number}", at=at, **common))  # type: ignore[arg-type]
        elif kind == "tick":
            stream.append(minutes(draw(st.sampled_from([-60, -30, -1, 0, 0, 0.5, 2, 900, 2_000]))))
        else:
            more = {"tier": draw(st.sampled_from(TIERS)), "cost": draw(st.sampled_from(COSTS))}
            value = draw(st.sampled_from([-0.2, 0.3, 1.0, 7.0]))
            lasts = timedelta(hours=draw(st.sampled_from([1, 30, 200, 200])))
            good = {"value": value, "expires_at": at + lasts}
            stream.append(proposal(f"c-{number}", at, **common, **more, **good))
    return stream


def to_the_end(policy: Policy, stream: Stream, chunk: int) -> Desk:
    ticks = [minutes(2), *(minutes(300 * n) for n in range(1, 40))]
    desk = Desk(policy).tell(*stream, chunk=chunk)
    return desk.tell(*ticks, END, END, chunk=chunk)


def verdicts(desk: Desk, stream: Stream) -> list[Verdict]:
    by_id = {each.id: each for each in stream if isinstance(each, CareProposal)}
    found = []
    for output in desk.outputs:
        if output.topic == EVENTS:
            event = json.loads(output.value)
            at, data = datetime.fromisoformat(event["time"]), event["data"]
            allocated = data["verdict"] == "allocated"
            found.append(Verdict(at, by_id[data["proposal"]], allocated, data["reason"]))
    return found


def rule_of(policy: Policy) -> CampaignRule:
    (rule,) = policy.campaigns.values()
    return rule


def cents(money: float) -> int:
    return round(money * 100)


def cases_of(name: str) -> st.SearchStrategy[Case]:
    return st.builds(Case, st.just(name), sections(), streams(name))


cases = cases_of(FESTIVAL) | cases_of(POOL)


@given(cases, st.sampled_from([1, 3, 1_000]))
def test_no_limit_is_ever_broken_and_everybody_is_answered_once(case: Case, chunk: int) -> None:
    policy, stream = case.policy(), case.stream
    rule = rule_of(policy)
    desk = to_the_end(policy, stream, chunk)
    found = verdicts(desk, stream)
    asked = {each.id for each in stream if isinstance(each, CareProposal)}
    assert Counter(each.proposal.id for each in found) == Counter(asked)
    served = [each for each in found if each.allocated]
    days: dict[int, list[Verdict]] = defaultdict(list)
    for each in served:
        days[rule.day_of(each.at.timestamp())].append(each)
        assert each.at.timestamp() < each.proposal.expires_at.timestamp() + 1
        assert rule.not_after_s is None or each.at.timestamp() <= rule.not_after_s
        assert each.proposal.value > 0 or each.proposal.cohort is not None
    within(served, rule.stock, rule.budget)
    for of_day in days.values():
        within(of_day, rule.capacity_per_day, rule.budget_per_day)
    if (last := desk.reports()[-1:]) and not rule.lanes:
        assert last[0].proposed == last[0].allocated + last[0].not_funded


def within(served: list[Verdict], most: int | None, budget: int | None) -> None:
    assert most is None or len(served) <= most
    spent = sum(cents(each.proposal.cost) for each in served)
    assert budget is None or spent <= budget // 100


@given(cases_of(FESTIVAL))
def test_a_cohort_is_served_wholly_or_not_at_all(case: Case) -> None:
    policy = campaign_policy(FESTIVAL, **case.section | {"cohorts": "whole"})
    stream = case.stream
    together: dict[str, set[bool]] = defaultdict(set)
    served: dict[str, int] = Counter()
    sizes: dict[str, int] = {}
    absent = Counter(
        each.cohort for each in {e.id: e for e in stream if isinstance(e, CareDeclined)}.values()
    )
    for each in verdicts(to_the_end(policy, stream, 7), stream):
        team = each.proposal.cohort
        if team is None or each.reason == "too_late":
            continue
        together[team].add(each.allocated)
        sizes[team] = each.proposal.cohort_size or 0
        served[team] += each.allocated
    assert all(len(verdict) == 1 for verdict in together.values())
    for team, count in served.items():
        assert count == 0 or count >= sizes[team] - absent[team]


@given(cases, st.integers(0, 2**32))
def test_the_order_of_arrival_and_the_chunks_change_nothing(case: Case, seed: int) -> None:
    policy, stream = case.policy(), case.stream
    if rule_of(policy).largest_members < len(stream):
        return  # who comes when it is full finds no room
    told = list({each.id: each for each in stream if hasattr(each, "id")}.values())
    shuffled = Random(seed).sample(told, len(told))
    expected = set(map(str, verdicts(to_the_end(policy, told, 1_000), told)))
    assert set(map(str, verdicts(to_the_end(policy, shuffled, 3), told))) == expected
    whole, parts = Desk(policy), Desk(policy)
    whole.tell(*stream, END)
    parts.tell(*stream, END, chunk=1)
    by_key = [
        {key: [o for o in desk.outputs if o.key == key] for key in {o.key for o in desk.outputs}}
        for desk in (whole, parts)
    ]
    assert by_key[0] == by_key[1]
    assert dict(whole.store.items()) == dict(parts.store.items())


@given(st.integers(2, 8), st.sampled_from([0.3, 0.5]), streams(POOL))
def test_what_is_kept_for_a_tier_is_taken_by_no_other_before_the_days_last_window(
    most: int, share: float, stream: Stream
) -> None:
    lanes = {"gold": share}
    policy = campaign_policy(POOL, cohorts="single", capacity_per_day=most, lanes=lanes)
    rule, kept = rule_of(policy), int(most * share + 1e-9)
    used: dict[int, Counter[str]] = defaultdict(Counter)
    for each in verdicts(to_the_end(policy, stream, 1_000), stream):
        at_s = each.at.timestamp()
        day = rule.day_of(at_s)
        used[day][each.proposal.tier] += each.allocated
        if rule.day_of(rule.window_after_s(at_s)) == day:
            assert used[day]["ordinary"] + max(kept, used[day]["gold"]) <= most
