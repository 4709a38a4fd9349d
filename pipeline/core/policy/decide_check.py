"""What is wrong with the guards of a policy: tiers and actions that are not there, names twice."""

from collections.abc import Iterator

from pipeline.core.care.actions import ACTIONS
from pipeline.core.policy.care import TRANSACTION_ALERT
from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile

_MAY_GO_WITHOUT = ("care", "marketing")


def decide_problems(file: PolicyFile) -> list[Problem]:
    """Every name that points to nothing, and hold-outs of what is owed to the customer."""
    return [*_tiers(file), *_actions(file), *_hold_outs(file), *_caps(file)]


def _tiers(file: PolicyFile) -> Iterator[Problem]:
    said, known = file.decide, ", ".join(sorted(file.tiers))
    for section, tiers in (
        ("quiet", said.quiet.tiers if said.quiet else {}),
        ("worth", said.worth.tiers if said.worth else {}),
    ):
        for tier in tiers:
            if tier not in file.tiers:
                path = ("decide", section, "tiers", tier)
                yield Problem(path, f"unknown tier {tier!r}; known: {known}")


def _actions(file: PolicyFile) -> Iterator[Problem]:
    # One that the policy leaves out for now may stand here: what is off is not done anyway.
    known = ", ".join(sorted(ACTIONS))
    for n, name in enumerate(file.decide.open_complaint.actions):
        if name not in ACTIONS:
            path = ("decide", "open_complaint", "actions", str(n))
            yield Problem(path, f"unknown action {name!r}; known: {known}")
    for name in file.decide.hold_outs:
        if name not in ACTIONS:
            yield Problem(("decide", "hold_outs", name), f"unknown action {name!r}; known: {known}")


def _hold_outs(file: PolicyFile) -> Iterator[Problem]:
    for name in file.decide.hold_outs:
        action = file.care.actions.get(name)
        owed = file.care.transaction_alert if name == TRANSACTION_ALERT else action
        if owed is not None and owed.action_class not in _MAY_GO_WITHOUT:
            what = f"{name} is of class {owed.action_class}; only care and marketing are held out"
            yield Problem(("decide", "hold_outs", name), what)


def _caps(file: PolicyFile) -> Iterator[Problem]:
    seen: set[str] = set()
    for n, cap in enumerate(file.decide.caps):
        if cap.name in seen:
            path = ("decide", "caps", str(n), "name")
            yield Problem(path, f"there is a cap {cap.name!r} already; choose another name")
        seen.add(cap.name)
