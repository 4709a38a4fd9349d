"""A short way through the core for tests: events in, a customer and what came of it out."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from ruamel.yaml import YAML

from pipeline.core.admission import Admitted, admit
from pipeline.core.customer import Customer
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.core.steps import Outcome, perceive_step
from schemas.care import CareAction, CareDecision
from tests.unit.events import DEFAULT_POLICY, event


@cache
def default_policy() -> Policy:
    return load_policy(DEFAULT_POLICY, name="default.yaml").policy


def changed_policy(change: Callable[[dict[str, Any]], None]) -> Policy:
    """The default policy after ``change`` was made to its content."""
    content = YAML(typ="safe", pure=True).load(DEFAULT_POLICY)
    change(content)
    return load_policy(json.dumps(content, default=str), name="changed.yaml").policy


def admitted(made: dict[str, Any], policy: Policy) -> Admitted:
    answer = admit(json.dumps(made).encode(), (), -1, policy)
    assert isinstance(answer, Admitted), answer
    return answer


class Life:
    """One customer to whom events happen, one after the other."""

    def __init__(self, policy: Policy | None = None, name: str = "customer-1") -> None:
        self.policy = policy or default_policy()
        self.name = name
        self.customer: Customer | None = None
        self.outcomes: list[Outcome] = []

    def add(self, made: dict[str, Any]) -> Outcome:
        outcome = perceive_step(self.name, self.customer, admitted(made, self.policy), self.policy)
        self.customer = outcome.customer
        self.outcomes.append(outcome)
        return outcome

    def happen(self, type_name: str, at: str, data: dict[str, Any], **changes: Any) -> Outcome:
        number = len(self.outcomes)
        changes = {"id": f"e-{number}", "time": at, "data": data} | changes
        return self.add(event(type_name, **changes))

    @property
    def state(self) -> Customer:
        assert self.customer is not None
        return self.customer

    @property
    def score(self) -> float:
        contribution = self.outcomes[-1].contribution
        assert contribution is not None
        assert contribution.score_after is not None
        return contribution.score_after


def one_care(outcome: Outcome) -> CareAction | CareDecision:
    (care,) = outcome.care
    return care


def as_bytes(customer: Customer) -> bytes:
    return msgspec.msgpack.encode(customer)
