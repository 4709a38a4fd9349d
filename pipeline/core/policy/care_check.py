"""What is wrong with the care of a policy: names of actions and triggers, fields of templates."""

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment

from pipeline.core.care.actions import ACTIONS
from pipeline.core.cases.breach import BREACH
from pipeline.core.cases.occasions import TRIGGERS
from pipeline.core.notice.patterns import PATTERNS
from pipeline.core.policy.care import TRANSACTION_ALERT
from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.outlooks import REPEAT_CONTACT
from schemas.inbound import EVENTS


def care_problems(file: PolicyFile) -> list[Problem]:
    """Every name that points to nothing, and every template that asks for what nobody fills in."""
    return [
        *_unknown_actions(file),
        *_unknown_triggers(file),
        *_templates(file),
        *_approvals(file),
        *_outlooks(file),
    ]


def known_triggers(file: PolicyFile) -> frozenset[str]:
    """Every trigger that an action of this policy may wait for."""
    return frozenset(
        (
            "transaction",
            "initiative",
            "low_score",
            "nominated",
            *(f"notice.{name}" for name in (*PATTERNS, BREACH)),
            *TRIGGERS,
            *(f"outlook.{name}" for name in file.outlooks),
        )
    )


def _known(names: object) -> str:
    return f"known: {', '.join(sorted(names))}"  # type: ignore[call-overload]


def _unknown_actions(file: PolicyFile) -> Iterator[Problem]:
    plain = [name for name in ACTIONS if name != TRANSACTION_ALERT]
    for name, action in file.care.actions.items():
        if name not in plain:
            yield Problem(("care", "actions", name), f"unknown action {name!r}; {_known(plain)}")
        for n, other in enumerate(action.conflicts):
            if other not in ACTIONS:
                path = ("care", "actions", name, "conflicts", str(n))
                yield Problem(path, f"unknown action {other!r}; {_known(ACTIONS)}")


def _unknown_triggers(file: PolicyFile) -> Iterator[Problem]:
    known = known_triggers(file)
    for name, action in file.care.actions.items():
        for n, trigger in enumerate(action.on):
            if trigger not in known:
                path = ("care", "actions", name, "on", str(n))
                yield Problem(path, f"unknown trigger {trigger!r}; {_known(known)}")


def _approvals(file: PolicyFile) -> Iterator[Problem]:
    for name, action in file.care.actions.items():
        if action.needs_approval and action.channels[0] == "none":
            path = ("care", "actions", name, "needs_approval")
            yield Problem(path, "to do nothing needs nobody's approval; leave needs_approval out")


def _templates(file: PolicyFile) -> Iterator[Problem]:
    """A template is refused if an action that uses it does not offer a field it asks for."""
    users = {
        TRANSACTION_ALERT: file.care.transaction_alert.template,
        **{name: action.template for name, action in file.care.actions.items()},
    }
    environment = SandboxedEnvironment()
    for template, texts in file.templates.items():
        for language, text in texts.items():
            path = ("templates", template, language)
            try:
                asked = meta.find_undeclared_variables(environment.parse(text))
            except TemplateSyntaxError as error:
                yield Problem(path, f"no template: {error}")
                continue
            for name, used in users.items():
                missing = asked - ACTIONS[name].offers if name in ACTIONS else set()
                if used == template and missing:
                    what = f"{name} does not offer the field {sorted(missing)[0]!r}"
                    yield Problem(path, f"{what}; {_known(ACTIONS[name].offers)}")


def _outlooks(file: PolicyFile) -> Iterator[Problem]:
    """What an outlook hangs on must be an event type; what it looks at, a dimension."""
    happenings = {*EVENTS, REPEAT_CONTACT}
    for name, outlook in file.outlooks.items():
        path = ("outlooks", name)
        for n, each in enumerate(outlook.happens_on):
            if each not in happenings:
                what = f"unknown event type {each!r}; {_known(happenings)}"
                yield Problem((*path, "happens_on", str(n)), what)
        for n, term in enumerate(outlook.terms):
            if term.dimension is not None and term.dimension not in file.dimensions:
                what = f"unknown dimension {term.dimension!r}; {_known(file.dimensions)}"
                yield Problem((*path, "terms", str(n), "dimension"), what)
