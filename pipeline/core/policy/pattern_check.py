"""What is wrong with the patterns and the thanks of a policy: names, and what cannot be seen."""

from collections.abc import Iterator

from pipeline.core.policy.check import Problem, measure_problem
from pipeline.core.policy.models import PolicyFile
from schemas.inbound import EVENTS


def pattern_problems(file: PolicyFile) -> list[Problem]:
    """Every tier and touchpoint that is unknown, and a run longer than what is remembered."""
    return [*_unknown_tiers(file), *_too_long(file), *_thanks(file)]


def _known(names: object) -> str:
    return f"known: {', '.join(sorted(names))}"  # type: ignore[call-overload]


def _unknown_tiers(file: PolicyFile) -> Iterator[Problem]:
    silence = file.patterns.silence_after_complaint
    for tier in () if silence is None else silence.tiers:
        if tier not in file.tiers:
            path = ("patterns", "silence_after_complaint", "tiers", tier)
            yield Problem(path, f"unknown tier {tier!r}; {_known(file.tiers)}")


def _too_long(file: PolicyFile) -> Iterator[Problem]:
    rule, most = file.patterns.escalation, file.limits.recent_contacts
    if rule is not None and rule.contacts.value > most:
        what = f"{rule.contacts.value} contacts, but limits.recent_contacts keeps {most}"
        yield Problem(("patterns", "escalation", "contacts"), f"{what}; raise it")


def _thanks(file: PolicyFile) -> Iterator[Problem]:
    for name, measure in file.care.thank_for.items():
        path = ("care", "thank_for", name)
        touchpoint = file.touchpoints.get(name)
        if touchpoint is None:
            yield Problem(path, f"unknown touchpoint {name!r}; {_known(file.touchpoints)}")
        elif measure is not None and touchpoint.event in EVENTS:
            data = EVENTS[touchpoint.event].model_fields["data"].annotation
            wrong = measure_problem(data, measure)
            if wrong:
                yield Problem(path, wrong)
