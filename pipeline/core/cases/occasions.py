"""What a case calls for, with the facts that its actions pass on."""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.cases.book import case_id, level_of, step_name
from pipeline.core.cases.memory import KINDS, Case, Clock, breaches_of
from pipeline.core.moment import PIPELINE, Moment, Occasion
from pipeline.core.zones import zone_of
from schemas.care import Cause

TRIGGERS: Final = ("case.step", "case.warning", "case.breach", "case.call_early")
"""What actions may wait for: a clock starts, warns, runs out, or warns one who was told nothing."""


def occasion(moment: Moment, case: Case, clock: Clock, what: str, *, why: str = "") -> Occasion:
    """An occasion for care; its cause names the case, its round, the step and how often.

    It is as of the moment; a step's, as of the start of its clock.
    """
    at_s = clock.since_s if what == "step" else moment.at_s
    facts = facts_of(moment, case, clock)
    number = clock.over if what == "breach" else 0
    identity = f"{case_id(moment.name, case)}/{case.reopened}/{facts['step']}/{what}"
    cause = Cause(source=PIPELINE, event=f"{identity}/{number}" if number else identity)
    facts["why"] = why or f"{facts['step']} is due {facts['due']}"
    return Occasion(f"case.{what}", cause, at_s, facts)


def facts_of(moment: Moment, case: Case, clock: Clock) -> dict[str, str]:
    """The case in words: what it is, who has it, what was done, what comes next and by when."""
    rules = moment.policy.cases
    levels = ("",) if rules is None else rules.levels
    done = (step_name(case, each.step) for each in case.clocks if each.done_s is not None)
    step = step_name(case, clock.step)
    return {
        "case": case.name,
        "kind": KINDS[case.kind],
        "topic": case.topic or "",
        "line": case.line or "",
        "owner": case.owner or "",
        "level": levels[level_of(case, len(levels))],
        "step": step,
        "next": step,
        "done": ", ".join(done),
        "due": local_time(moment, clock.due_s),
        "within": f"{clock.hours:g}",
        "opened": local_time(moment, case.opened_s),
        "breaches": str(breaches_of(case)),
        "reopened": str(case.reopened),
    }


def local_time(moment: Moment, at_s: float) -> str:
    """A time by the customer's own clock, or by the policy's, with its distance from UTC."""
    own, rules = moment.customer.profile.time_zone, moment.policy.cases
    names = (own, None if rules is None else rules.zone)
    zone = next((zone for name in names if name and (zone := zone_of(name))), UTC)
    return datetime.fromtimestamp(at_s, zone).strftime("%Y-%m-%d %H:%M%z")
