"""Reads a policy file and refuses a bad one with file, line, what is wrong and what is known."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from pipeline.core.policy.bound import bound_problems
from pipeline.core.policy.check import Problem, reference_problems, warnings
from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.plan import Policy, compile_policy
from schemas.perception import PolicyRef


class PolicyError(Exception):
    """A policy file that cannot be used. The message lists every problem with file and line."""


class LoadedPolicy(NamedTuple):
    """A policy ready for use, and what is odd about it without being wrong."""

    policy: Policy
    warnings: tuple[str, ...]


def load_policy(text: str, *, name: str) -> LoadedPolicy:
    """Make a policy of the text of a YAML 1.2 file; ``name`` is the file's name for messages.

    Raises ``PolicyError`` with one line a problem: ``care.yaml:12: tiers.gold.named.speed:
    unknown dimension 'speed'; known: ...``.
    """
    root = _parse(text, name)
    problems: Sequence[Problem]
    try:
        file = PolicyFile.model_validate(YAML(typ="safe", pure=True).load(text))
    except ValidationError as error:
        problems = [Problem(_path(e["loc"]), _say(e)) for e in error.errors(include_url=False)]
    else:
        problems = [*reference_problems(file), *bound_problems(file)]
        if not problems:
            digest = blake2b(_canonical(file), digest_size=8).hexdigest()
            ref = PolicyRef(file.name, file.version, digest)
            return LoadedPolicy(compile_policy(file, ref), warnings(file))
    raise PolicyError(
        "\n".join(f"{name}:{_line(root, p.path)}: {'.'.join(p.path)}: {p.what}" for p in problems)
    )


def _canonical(file: PolicyFile) -> bytes:
    # Of the meaning, not of the text: comments and order of keys do not make another policy.
    return file.model_dump_json().encode()


def _parse(text: str, name: str) -> Node:
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{name}:{line}: not YAML: {error.problem}") from error
    except YAMLError as error:
        raise PolicyError(f"{name}:1: not YAML: {error}") from error
    if not isinstance(root, MappingNode):
        raise PolicyError(f"{name}:1: a policy is a mapping with name, version, score, ...")
    return root


def _path(loc: Sequence[int | str]) -> tuple[str, ...]:
    return tuple(str(step) for step in loc)


def _say(error: Any) -> str:
    """What is wrong in the file's own terms, with what is known instead where that is a list."""
    match error["type"]:
        case "extra_forbidden":
            return "unknown key; the default policy and policy/models.py show the known ones"
        case "missing":
            return "is missing"
        case "literal_error" | "union_tag_invalid":
            known = error["ctx"].get("expected") or error["ctx"].get("expected_tags")
            return f"unknown value {error['input']!r}; known: {known}"
        case _:
            return f"{error['msg']} (here: {error['input']!r:.60})"


def _line(node: Node, path: Sequence[str]) -> int:
    """The line of the deepest node on ``path`` that exists in the file."""
    line: int = node.start_mark.line
    for step in path:
        if isinstance(node, MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == step), None)
            if found is None:
                continue  # a union's tag in the path is no key of the file
            key, node = found
            line = key.start_mark.line
        elif isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line
    return line + 1
