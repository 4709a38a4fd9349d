"""What becomes of one customer under a policy, without the way through an engine."""

import json
from collections.abc import Sequence
from typing import Any

from pipeline.core.admission import Admitted, admit
from pipeline.core.customer import Customer
from pipeline.core.perceive.account import level
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.score import score_at
from pipeline.core.policy.compiled import Policy
from pipeline.core.steps import perceive_step

DAY_S = 86_400.0


def read(events: Sequence[dict[str, Any]], policy: Policy) -> list[Admitted]:
    """The events as the front door lets them in; all must be valid."""
    found = [admit(json.dumps(event).encode(), (), -1, policy) for event in events]
    wrong = [each for each in found if not isinstance(each, Admitted)]
    assert not wrong, wrong
    return [each for each in found if isinstance(each, Admitted)]


def live(events: Sequence[dict[str, Any]], policy: Policy) -> Customer:
    """The customer to whom ``events`` happened, in the order in which they are given."""
    customer: Customer | None = None
    for admitted in read(events, policy):
        customer = perceive_step("customer-1", customer, admitted, policy).customer
    assert customer is not None
    return customer


def score_after(customer: Customer, policy: Policy, days: float = 0.0) -> float:
    """The score ``days`` after the latest event."""
    return score_at(customer, policy, customer.as_of_s + days * DAY_S)


def level_after(customer: Customer, policy: Policy, days: float = 0.0) -> float:
    """The log-odds relative to the baseline ``days`` after the latest event."""
    return level(customer, policy, scales(customer, customer.as_of_s + days * DAY_S))
