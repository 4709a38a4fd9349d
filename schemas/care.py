"""What is told of care: what is to be done, and what was considered and not done."""

from datetime import datetime
from typing import Literal

import msgspec

ActionClass = Literal["required", "service", "care", "marketing"]


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The event that an action or decision came of."""

    source: str
    event: str


class CareAction(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something to be done for a customer, now.

    ``id`` is made from action, customer and cause: a repetition has the same id, so whoever
    carries it out uses it as idempotency key. ``decided_at`` is event time. ``fields`` fill the
    template named ``template``.
    """

    id: str
    action: str
    action_class: ActionClass
    customer: str
    channel: str
    cause: Cause
    decided_at: datetime
    reason: str
    template: str
    fields: dict[str, str]
    policy: str


class CareDecision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An action that was considered and withheld, with its one reason."""

    id: str
    action: str
    customer: str
    cause: Cause
    decided_at: datetime
    outcome: Literal["withheld"]
    reason: str
    detail: str
    policy: str
