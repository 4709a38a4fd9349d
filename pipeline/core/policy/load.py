"""Reads a policy file and refuses a bad one with file, line, what is wrong and what is known."""

from hashlib import blake2b
from typing import NamedTuple

from pydantic import ValidationError

from pipeline.core.policy.bound import bound_problems
from pipeline.core.policy.campaign_check import campaign_problems
from pipeline.core.policy.care_check import care_problems
from pipeline.core.policy.case_check import case_problems
from pipeline.core.policy.check import reference_problems, warnings
from pipeline.core.policy.compiled import Policy, compile_policy
from pipeline.core.policy.decide_check import decide_problems
from pipeline.core.policy.faults import Fault, FileError, fault_of, faults_of
from pipeline.core.policy.models import PolicyFile
from pipeline.core.policy.nodes import located, read_yaml
from pipeline.core.policy.pattern_check import pattern_problems
from schemas.perception import PolicyRef


class PolicyError(FileError):
    """A policy file that cannot be used."""


class LoadedPolicy(NamedTuple):
    """A policy ready for use, and what is odd about it without being wrong."""

    policy: Policy
    warnings: tuple[str, ...]


def load_policy(text: str, *, name: str) -> LoadedPolicy:
    """Make a policy of the text of a YAML 1.2 file; ``name`` is the file's name for messages.

    Raises ``PolicyError`` with one line a problem: ``care.yaml:12: tiers.gold.named.speed:
    unknown dimension 'speed'; known: ...; do: did you mean 'connect_speed'?``.
    """
    root, content, faults = read_yaml(text, "a policy is a mapping with name, version, score, ...")
    if root is None:
        raise PolicyError(name, faults)
    file, wrong = _file_of(content)
    faults += located(root, wrong)
    if file is None or faults:
        raise PolicyError(name, faults)
    return _loaded(file)


def policy_of(content: object, *, name: str) -> LoadedPolicy:
    """Make a policy of the content of a file that was read already.

    Raises ``PolicyError`` whose problems have no lines.
    """
    file, wrong = _file_of(content)
    if file is None or wrong:
        raise PolicyError(name, wrong)
    return _loaded(file)


def _file_of(content: object) -> tuple[PolicyFile | None, list[Fault]]:
    try:
        file = PolicyFile.model_validate(content)
    except ValidationError as error:
        return None, faults_of(error)
    problems = [
        *reference_problems(file),
        *care_problems(file),
        *case_problems(file),
        *decide_problems(file),
        *pattern_problems(file),
        *campaign_problems(file),
        *bound_problems(file),
    ]
    return file, [fault_of(problem) for problem in problems]


def _loaded(file: PolicyFile) -> LoadedPolicy:
    digest = blake2b(_canonical(file), digest_size=8).hexdigest()
    ref = PolicyRef(file.name, file.version, digest)
    return LoadedPolicy(compile_policy(file, ref), warnings(file))


def _canonical(file: PolicyFile) -> bytes:
    # Of the meaning, not of the text: comments and order of keys do not make another policy.
    return file.model_dump_json().encode()
