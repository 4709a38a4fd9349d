"""Every action that an event can call for, by event type.

A new action is a file beside this one and a line here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from pipeline.core.care.transaction_alert import transaction_alert
from pipeline.core.customer import Customer
from pipeline.core.policy.compiled import Policy
from schemas.care import CareAction, CareDecision
from schemas.touchpoints.transactions import TransactionCompleted

Action = Callable[[str, Customer, Any, datetime, Policy], CareAction | CareDecision | None]
"""From customer id, state, event of its type, the event's time in UTC, and policy to what is to be
done, if anything."""

ACTIONS: Final[Mapping[type, tuple[Action, ...]]] = {
    TransactionCompleted: (transaction_alert,),
}
