"""Proposes rules: what staff do by hand for many customers may be done for all of them.

A proposal is evidence, not proof: whoever was cared for by hand was chosen by somebody, and a low
score rises by itself. So it says what is known, what it would cost, and what is missing.
"""

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Final, NamedTuple

from pipeline.core.care.actions import ACTIONS
from pipeline.core.care.by_hand import NOT_SAID
from pipeline.core.insights.certainty import student_95
from pipeline.core.insights.recurring import CUSTOMERS, LEAST, key_of
from pipeline.core.policy.care import TRANSACTION_ALERT
from pipeline.core.policy.care_check import known_triggers
from pipeline.core.policy.models import PolicyFile
from pipeline.tools.by_hand import ByHand, Cared

_ENOUGH: Final = 10
_MONTH_DAYS: Final = 30.0


class Effect(NamedTuple):
    """The mean change of the score in points, over so many customers; ``low`` and ``high`` are its
    95 % interval, ``None`` of too few."""

    points: float
    customers: int
    low: float | None
    high: float | None


class Candidate(NamedTuple):
    """Care that recurs: what, in which situation, how often, for whom, and what came of it.

    ``trigger`` is what an action could wait for, empty if the pipeline sees no such thing.
    ``in_situation`` is how many customers were in it, ``share`` how many of those were cared for,
    ``None`` where that is not known. Costs are in the policy's currency: ``cost`` of one time, a
    month as it is, and a month if everybody in the situation got it once.
    """

    care: str
    because: str
    trigger: str
    times: int
    customers: int
    in_situation: int | None
    share: float | None
    days: float
    effect: Effect | None
    channel: str
    cost: float
    month: float
    month_for_all: float | None
    action_file: str | None
    pattern_file: str | None
    already: bool

    @property
    def name(self) -> str:
        """The care's name as a policy writes it."""
        return key_of(self.care)


def candidates(
    found: ByHand, file: PolicyFile, *, least: int = LEAST, customers: int = CUSTOMERS
) -> list[Candidate]:
    """What recurs at least ``least`` times for at least so many ``customers``, most often first."""
    triggers = known_triggers(file)
    groups: dict[tuple[str, str], list[Cared]] = {}
    for cared in found.cared:
        situation = cared.trigger if cared.trigger in triggers else cared.because
        groups.setdefault((cared.care.casefold(), situation), []).append(cared)
    made = [
        _candidate(members, found, file, triggers)
        for members in groups.values()
        if len(members) >= least and len({each.customer for each in members}) >= customers
    ]
    return sorted(made, key=lambda each: (-each.times, each.care, each.trigger, each.because))


def _candidate(
    members: Sequence[Cared], found: ByHand, file: PolicyFile, triggers: frozenset[str]
) -> Candidate:
    first = members[0]
    trigger = first.trigger if first.trigger in triggers else ""
    because = Counter(each.because for each in members).most_common(1)[0][0]
    customers = len({each.customer for each in members})
    in_situation = found.situations.get(trigger) if trigger else None
    cost = mean(each.cost for each in members)
    months = found.days / _MONTH_DAYS
    name = key_of(first.care)
    known = name in ACTIONS and name != TRANSACTION_ALERT
    given = file.care.actions.get(name)
    return Candidate(
        care=first.care,
        because=because,
        trigger=trigger,
        times=len(members),
        customers=customers,
        in_situation=in_situation,
        share=None if not in_situation else customers / in_situation,
        days=found.days,
        effect=effect_of(members),
        channel=_channel(members),
        cost=cost,
        month=cost * len(members) / months,
        month_for_all=None if in_situation is None else cost * in_situation / months,
        action_file=None if known else f"pipeline/core/care/{name}.py",
        pattern_file=None
        if trigger
        else f"pipeline/core/notice/{_situation_key(because, name)}.py",
        already=given is not None and given.enabled and trigger in given.on,
    )


def _situation_key(because: str, name: str) -> str:
    return f"needs_{name}"[:32] if because == NOT_SAID else key_of(because)


def effect_of(members: Sequence[Cared]) -> Effect | None:
    """How the score moved after the first time of each customer; ``None`` if it is not known."""
    first: dict[str, Cared] = {}
    for each in sorted(members, key=lambda each: each.at_s):
        first.setdefault(each.customer, each)
    moved = [
        each.later - each.before
        for each in first.values()
        if each.before is not None and each.later is not None
    ]
    if not moved:
        return None
    if len(moved) < _ENOUGH:
        return Effect(mean(moved), len(moved), None, None)
    half = student_95(len(moved) - 1) * stdev(moved) / sqrt(len(moved))
    return Effect(mean(moved), len(moved), mean(moved) - half, mean(moved) + half)


def _channel(members: Sequence[Cared]) -> str:
    """How it went out most often; what a person did in person stays a task for staff."""
    ways = Counter(each.channel for each in members)
    usual = ways.most_common(1)[0][0]
    return "staff" if usual in (None, "in_person", "phone") else str(usual)
