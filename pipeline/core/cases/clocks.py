"""The clocks of a case: one runs at a time, from the end of the step before to its own.

A clock warns after a share of its time. It runs out at its due time, and again after each further
period, as long as there is a level above. What ran out is told by due times, never by when a tick
came: a step that is told done late has run out, whether a tick came before it or not, and one that
was done in time has not, even if that is told late.
"""

from typing import Final, NamedTuple

from pipeline.core.care.memory import Alarm, arm, disarm
from pipeline.core.cases import breach
from pipeline.core.cases.book import ALARM, digest_of_case, level_of, tell
from pipeline.core.cases.calendar import ALWAYS, Calendar, after
from pipeline.core.cases.memory import CLOSED, COMPLAINT, Case, Clock, breaches_of, running
from pipeline.core.cases.occasions import occasion
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.cases import CaseRules
from pipeline.core.profile import tier_of

WARNING: Final = 0
"""The ``number`` of an alarm that warns; others have that of the period that runs out."""


class Term(NamedTuple):
    """The time that a step has."""

    step: int
    hours: float
    calendar: Calendar


def terms_of(moment: Moment, case: Case) -> tuple[Term, ...]:
    """The steps of the case that have a clock, in their order, for the customer as of now."""
    rules, profile = moment.policy.cases, moment.customer.profile
    if rules is None:
        return ()
    tier = tier_of(moment.customer, moment.policy)
    if case.kind == COMPLAINT:
        return tuple(
            Term(rule.step, rule.hours[tier], rule.calendar.of(profile.time_zone))
            for rule in rules.steps
        )
    clock = rules.clock_of(case.line, tier)
    return () if clock is None else (Term(0, clock.hours, clock.calendar.of(profile.time_zone)),)


def begin(moment: Moment, case: Case, since_s: float) -> list[Occasion]:
    """Start the clock of the next step that has one."""
    last = case.clocks[-1].step if case.clocks else -1
    if last < 0 and case.promised_s is not None:
        case.clocks.append(promised(case.promised_s, since_s))
        return [occasion(moment, case, case.clocks[-1], "step")]
    for term in terms_of(moment, case):
        if term.step > last:
            due_s = after(term.calendar, since_s, term.hours)
            case.clocks.append(Clock(term.step, since_s, due_s, term.hours))
            return [occasion(moment, case, case.clocks[-1], "step")]
    return []


def promised(due_s: float, since_s: float) -> Clock:
    """The clock to a due time that was told from outside; a minute at least."""
    due_s = max(due_s, since_s + 60.0)
    return Clock(0, since_s, due_s, (due_s - since_s) / 3_600.0, given=True)


def finish(moment: Moment, case: Case, step: int, at_s: float) -> list[Occasion]:
    """A step was done, and with it those before; the next one's clock starts."""
    occasions: list[Occasion] = []
    started = {clock.step for clock in case.clocks}
    for term in terms_of(moment, case):
        if term.step <= step and term.step not in started:
            case.clocks.append(
                Clock(term.step, at_s, after(term.calendar, at_s, term.hours), term.hours)
            )
    case.clocks.sort(key=lambda clock: clock.step)
    for clock in case.clocks:
        if clock.step <= step and (clock.done_s is None or clock.done_s > at_s):
            clock.done_s, clock.since_s = at_s, min(clock.since_s, at_s)
            occasions += account(moment, case, clock, at_s)
    _link(moment, case)
    if case.status != CLOSED and running(case) is None:
        ended_s = max((clock.done_s or at_s for clock in case.clocks), default=at_s)
        occasions += begin(moment, case, ended_s)
    return occasions


def account(moment: Moment, case: Case, clock: Clock, until_s: float) -> list[Occasion]:
    """Book how often a clock had run out by ``until_s``; what was booked too much is withdrawn."""
    if _warning_s(moment, case, clock) < until_s:
        clock.warned = True
    occasions: list[Occasion] = []
    due = _times_run_out(moment, case, clock, until_s)
    while clock.over < len(due):
        clock.over += 1
        tell(moment, case, "breached")
        occasions += breach.show(moment, case, clock, due[clock.over - 1])
    while clock.over > len(due):
        breach.withdraw(moment, case, clock, until_s)
        clock.over -= 1
        tell(moment, case, "withdrawn")
    return occasions


def settle(moment: Moment, case: Case) -> list[Occasion]:
    """Book what the running clock came to by the moment."""
    clock = running(case)
    return [] if clock is None else account(moment, case, clock, moment.at_s)


def retime(moment: Moment, case: Case, clock: Clock, earliest_s: float) -> bool:
    """Reckon anew when a clock that has not run out is due, at ``earliest_s`` at the earliest."""
    if clock.given or clock.over:
        return False
    for term in terms_of(moment, case):
        if term.step == clock.step:
            clock.hours = term.hours
            clock.due_s = max(after(term.calendar, clock.since_s, term.hours), earliest_s)
            return True
    return False


def set_alarm(moment: Moment, case: Case) -> None:
    """Let the case have the one alarm that is next, if any is."""
    care, rules, about = moment.customer.care, moment.policy.cases, digest_of_case(case)
    found = None if rules is None else _next(moment, case, rules)
    if rules is None or found is None:
        disarm(care, ALARM, about)
        return
    number, due_s = found
    alarm = Alarm(due_s + rules.lateness_s, due_s, ALARM, about, case.name, number)
    if not arm(care, alarm, moment.policy.limits.alarms):
        tell(moment, case, "no_room")


def _next(moment: Moment, case: Case, rules: CaseRules) -> tuple[int, float] | None:
    clock = running(case)
    if clock is None:
        return None
    if not clock.warned and not clock.over:
        return WARNING, _warning_s(moment, case, clock)
    if clock.over and level_of(case, len(rules.levels)) == len(rules.levels) - 1:
        return None
    due_s, calendar = clock.due_s, _calendar(moment, case, clock)
    for _ in range(clock.over):
        due_s = after(calendar, due_s, clock.hours)
    return clock.over + 1, due_s


def _link(moment: Moment, case: Case) -> None:
    """Let each clock run from the end of the one before."""
    before: Clock | None = None
    for clock in case.clocks:
        if before is not None and before.done_s is not None and clock.since_s != before.done_s:
            clock.since_s = before.done_s
            if clock.done_s is None:
                retime(moment, case, clock, clock.since_s)
        before = clock


def _times_run_out(moment: Moment, case: Case, clock: Clock, until_s: float) -> list[float]:
    """When the clock ran out before ``until_s``: at its due time, and on to the highest level.

    What it was told of stays, even if the customer's word has taken the case up since.
    """
    rules = moment.policy.cases
    top = 0 if rules is None else len(rules.levels) - 1
    level = breaches_of(case) - clock.over + case.raised
    calendar, due_s = _calendar(moment, case, clock), clock.due_s
    found: list[float] = []
    while due_s < until_s and (len(found) < max(clock.over, 1) or level + len(found) < top):
        found.append(due_s)
        due_s = after(calendar, due_s, clock.hours)
    return found


def _warning_s(moment: Moment, case: Case, clock: Clock) -> float:
    rules = moment.policy.cases
    share = 1.0 if rules is None else rules.warn_share
    warns_s = after(_calendar(moment, case, clock), clock.since_s, share * clock.hours)
    return min(warns_s, clock.due_s)


def _calendar(moment: Moment, case: Case, clock: Clock) -> Calendar:
    if clock.given:
        return ALWAYS
    known = {term.step: term.calendar for term in terms_of(moment, case)}
    return known.get(clock.step, ALWAYS)
