"""A proposed rule as text for the policy file, with its evidence in comments."""

from collections.abc import Iterator
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML

from pipeline.core.care.by_hand import NOT_SAID
from pipeline.core.policy.models import PolicyFile
from pipeline.tools.proposing import Candidate

_UNMEASURED: Final = "unknown yet: a guess of one point, uncalibrated"


def policy_text(candidate: Candidate, file: PolicyFile) -> str:
    """Evidence as comments, then what to put into the policy ``file``.

    What the program cannot do yet is commented out, after the names of the files it takes.
    """
    lines = [f"# {line}" for line in (*_evidence(candidate), *_cost(candidate))]
    if candidate.already:
        lines.append(f"# The policy has {candidate.name} wait for {candidate.trigger} already.")
        return "\n".join(lines) + "\n"
    entry = _yaml(_content(candidate, file)).rstrip("\n").split("\n")
    missing = list(_missing(candidate))
    if missing:
        lines += [f"# {line}" for line in missing]
        lines += [f"# {line}" for line in entry]
    else:
        if candidate.name in file.care.actions:
            lines.append(f"# In place of care.actions.{candidate.name}:")
        lines += entry
    return "\n".join(lines) + "\n"


def _evidence(c: Candidate) -> Iterator[str]:
    why = "" if c.because == NOT_SAID else f" because {c.because}"
    yield f"{c.care}{why}: {c.times} times for {c.customers} customers in {c.days:.0f} days."
    if c.share is None:
        yield "How many more were in the same situation is not known."
    else:
        yield f"{c.in_situation} customers were in it ({c.trigger}); {c.share:.0%} got it."
    if c.effect is None:
        yield "What it did to their scores is not known: no later touch."
        return
    low, high = c.effect.low, c.effect.high
    span = "too few for an interval" if low is None else f"95 %: {low:+.1f} to {high:+.1f}"
    yield f"Score within 30 days after: {c.effect.points:+.1f} points ({span}; first time of"
    yield f"{c.effect.customers} customers). No control group: some of it would have come anyway."


def _cost(c: Candidate) -> Iterator[str]:
    for_all = "" if c.month_for_all is None else f", {c.month_for_all:.2f} for all in the situation"
    yield f"Cost: {c.cost:.2f} each; a month {c.month:.2f} as it is{for_all}."


def _missing(c: Candidate) -> Iterator[str]:
    if c.action_file is not None:
        yield f"No such action: it takes {c.action_file} with"
        yield f'  ACTION: Final = plain("{c.name}", "what", "why")'
        yield "and its line in pipeline/core/care/actions.py."
    if c.pattern_file is not None:
        yield f"Nothing sees this situation: it takes {c.pattern_file}"
        yield "and its line in pipeline/core/notice/patterns.py."
    if c.action_file is not None or c.pattern_file is not None:
        yield "Then:"


def _content(c: Candidate, file: PolicyFile) -> dict[str, Any]:
    """The entry, with the trigger added where the policy has the action already."""
    pattern = (c.pattern_file or "").rpartition("/")[2].removesuffix(".py")
    trigger = c.trigger or f"notice.{pattern}"
    given = file.care.actions.get(c.name)
    if given is not None:
        old = given.model_dump(mode="json", exclude_unset=True)
        on = [*given.on, *(() if trigger in given.on else (trigger,))]
        return {"care": {"actions": {c.name: old | {"on": on, "enabled": True}}}}
    gain: dict[str, Any] = {"value": 1.0, "source": _UNMEASURED}
    if c.effect is not None:
        source = f"care by hand, {c.effect.customers} customers, no control group: uncalibrated"
        gain = {"value": max(round(c.effect.points, 2), 0.0), "source": source}
    entry: dict[str, Any] = {
        "action_class": "care",
        "on": [trigger],
        "channels": [c.channel],
        "template": c.name,
        "cost": round(c.cost, 4),
        "gain": gain,
    }
    content: dict[str, Any] = {"care": {"actions": {c.name: entry}}}
    if c.name not in file.templates:
        said = "" if c.because == NOT_SAID else f" ({c.because})"
        text = f"{c.care}{said}"
        if c.channel != "staff":
            text = f"WRITE WHAT THE CUSTOMER READS: {text}"
        # A free text: what looks like a template's own signs must not be one.
        content["templates"] = {c.name: {file.language: text.replace("{", "(").replace("}", ")")}}
    return content


def _yaml(content: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 10_000
    text = StringIO()
    yaml.dump(content, text)
    return text.getvalue()
