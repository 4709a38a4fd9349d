"""The book of a customer's cases: finds them, opens them, bounds them, and says how each stands."""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.care.memory import Care, disarm
from pipeline.core.cases.memory import (
    CLOSED,
    COMPLAINT,
    KINDS,
    OPEN,
    REPAIR,
    RESOLVED,
    STATUSES,
    Case,
    Clock,
    breaches_of,
    settled_s,
    short,
)
from pipeline.core.customer import digest_of
from pipeline.core.moment import Moment
from pipeline.core.policy.cases import STEPS
from pipeline.core.profile import tier_of
from schemas.care import CareCase, CaseStep
from schemas.ids import action_id
from schemas.topics import CASES

ALARM: Final = "case"
"""The kind of every alarm of a case."""


def case_id(name: str, case: Case) -> str:
    """The id of a case of the customer ``name``."""
    return action_id("case", name, KINDS[case.kind], case.name)


def digest_of_case(case: Case) -> bytes:
    """What an alarm of the case is about."""
    return digest_of(f"case\0{KINDS[case.kind]}\0{case.name}")


def find(care: Care, kind: int, name: str) -> Case | None:
    """The case that upstream calls ``name``."""
    known = short(name)
    for case in care.cases:
        if case.kind == kind and case.name == known:
            return case
    return None


def enter(moment: Moment, kind: int, name: str) -> Case:
    """A new case, open as of the moment; beyond the limit the one that matters least goes."""
    care, at_s = moment.customer.care, moment.at_s
    case = Case(short(name), kind, OPEN, at_s, at_s, at_s)
    while len(care.cases) >= moment.policy.limits.cases:
        _drop(moment, min(care.cases, key=_matters))
    care.cases.append(case)
    tell(moment, case, "opened")
    return case


def tell(moment: Moment, case: Case, change: str) -> None:
    """Count a change of a case."""
    moment.answer.tell("cases", KINDS[case.kind], change)


def say(moment: Moment, case: Case) -> None:
    """Publish the case as it stands."""
    case.as_of_s = max(case.as_of_s, moment.at_s)
    moment.answer.say(CASES, record_of(moment, case))


def record_of(moment: Moment, case: Case) -> CareCase:
    """The whole case as it stands."""
    rules = moment.policy.cases
    return CareCase(
        id=case_id(moment.name, case),
        customer=moment.name,
        case=case.name,
        kind="complaint" if case.kind == COMPLAINT else "repair",
        status=STATUSES[case.status],
        tier=tier_of(moment.customer, moment.policy),
        opened_at=_time(case.opened_s),
        as_of=_time(case.as_of_s),
        policy=moment.policy.ref.digest,
        topic=case.topic,
        line=case.line,
        owner=case.owner,
        level=level_of(case, 1 if rules is None else len(rules.levels)),
        hand_overs=case.hand_overs,
        reopened=case.reopened,
        breaches=breaches_of(case),
        steps=tuple(_step(case, clock) for clock in case.clocks),
        resolved_at=None if case.resolved_s is None else _time(case.resolved_s),
        closed_at=_time(case.said_s) if case.status == CLOSED and case.said_s else None,
        satisfied=None if case.said_s is None else case.satisfied,
    )


def step_name(case: Case, step: int) -> str:
    """The name of a step of a case."""
    return KINDS[REPAIR] if case.kind == REPAIR else STEPS[step]


def level_of(case: Case, levels: int) -> int:
    """How far up the case is: one for each time a clock ran out and each word of the customer."""
    return min(breaches_of(case) + case.raised, levels - 1)


def join(care: Care, others: list[Case], most: int) -> None:
    """Add the cases of another account of the same customer; of one in both the later word holds.

    Alarms are joined before. Beyond ``most`` those go that matter least.
    """
    for theirs in others:
        mine = find(care, theirs.kind, theirs.name)
        if mine is None:
            care.cases.append(theirs)
        elif theirs.as_of_s > mine.as_of_s:
            care.cases[care.cases.index(mine)] = theirs
    while len(care.cases) > most:
        least = min(care.cases, key=_matters)
        care.cases.remove(least)
        disarm(care, ALARM, digest_of_case(least))


def _drop(moment: Moment, case: Case) -> None:
    care = moment.customer.care
    care.cases.remove(case)
    disarm(care, ALARM, digest_of_case(case))
    if case.status == OPEN:
        tell(moment, case, "dropped")


def _matters(case: Case) -> tuple[int, float]:
    """Closed ones go first, then those that the company holds for settled; the oldest of them."""
    rank = {CLOSED: 0, RESOLVED: 1, OPEN: 2}[case.status]
    end_s = settled_s(case)
    return rank, case.opened_s if end_s is None else end_s


def _step(case: Case, clock: Clock) -> CaseStep:
    return CaseStep(
        name=step_name(case, clock.step),
        due=_time(clock.due_s),
        within_hours=clock.hours,
        done=None if clock.done_s is None else _time(clock.done_s),
        warned=clock.warned,
        breached=clock.over > 0,
    )


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
