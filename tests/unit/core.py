"""A short way through the core for tests: events in, a customer and what came of it out."""

import json
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from ruamel.yaml import YAML

from pipeline.core.admission import Admitted, admit
from pipeline.core.attend import attend, wake
from pipeline.core.care.memory import Alarm
from pipeline.core.customer import Customer
from pipeline.core.moment import Answer, Said
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import PolicyError, load_policy, policy_of
from pipeline.core.steps import Outcome, perceive_step
from pipeline.engine.ports import Labels
from schemas.care import CareAction, CareDecision
from schemas.perception import Contribution
from tests.unit.events import DEFAULT_POLICY, event


@cache
def default_policy() -> Policy:
    return load_policy(DEFAULT_POLICY, name="default.yaml").policy


def changed_policy(change: Callable[[dict[str, Any]], None]) -> Policy:
    """The default policy after ``change`` was made to its content."""
    content = deepcopy(_default_content())
    change(content)
    try:
        return policy_of(content, name="changed.yaml").policy
    except PolicyError:  # with lines, as of a file
        return load_policy(json.dumps(content, default=str), name="changed.yaml").policy


@cache
def _default_content() -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(DEFAULT_POLICY)
    return content


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
        self.clock_s = 0.0
        self.said: list[Said] = []
        self.last: list[Said] = []
        self.told: Counter[Labels] = Counter()

    def add(self, made: dict[str, Any]) -> Outcome:
        asked = admitted(made, self.policy)
        outcome = perceive_step(self.name, self.customer, asked, self.policy)
        self.customer = outcome.customer
        self.outcomes.append(outcome)
        self._heard(attend(self.name, asked, outcome, self.policy, self.clock_s))
        return outcome

    def tick(self, at: str) -> list[Said]:
        """Let time come to ``at``; what is said of it."""
        self.clock_s = datetime.fromisoformat(at).timestamp()
        return self._heard(wake(self.name, self.state, self.policy, self.clock_s))

    def _heard(self, answer: Answer) -> list[Said]:
        self.said += answer.said
        self.told.update(answer.told)
        self.last = answer.said
        return answer.said

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

    def actions(self, name: str | None = None) -> list[CareAction]:
        """What is to be done for the customer, all of it or of one name."""
        every = [said.record for said in self.said if isinstance(said.record, CareAction)]
        return [each for each in every if name is None or each.action == name]

    def alarms(self, kind: str) -> list[Alarm]:
        """The alarms of one kind that are set."""
        return [alarm for alarm in self.state.care.alarms if alarm.kind == kind]

    def contributions(self) -> list[Contribution]:
        """What every event did, those included that the pipeline made itself."""
        return [said.record for said in self.said if isinstance(said.record, Contribution)]

    def decisions(self, name: str | None = None) -> list[CareDecision]:
        """The ledger of the customer, all of it or of one action."""
        every = [said.record for said in self.said if isinstance(said.record, CareDecision)]
        return [each for each in every if name is None or each.action == name]


def one_care(life: Life) -> CareAction | CareDecision:
    """The one action that the latest event led to, or the decision not to act."""
    care = [s.record for s in life.last if isinstance(s.record, CareAction | CareDecision)]
    if len(care) == 2:  # an action, and the decision for it
        assert isinstance(care[0], CareAction)
        assert isinstance(care[1], CareDecision)
        assert (care[1].id, care[1].outcome) == (care[0].id, "requested")
        return care[0]
    (one,) = care
    return one


def as_bytes(customer: Customer) -> bytes:
    return msgspec.msgpack.encode(customer)
