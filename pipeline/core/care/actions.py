"""Every action that an event can call for. A new one is a file beside this and a line here."""

from collections.abc import Callable
from typing import Final

from pipeline.core.care.transaction_alert import transaction_alert
from pipeline.core.customer import Customer
from pipeline.core.policy.plan import Policy
from schemas.care import CareAction, CareDecision
from schemas.inbound import Event

Action = Callable[[str, Customer, Event, Policy], CareAction | CareDecision | None]

ACTIONS: Final[tuple[Action, ...]] = (transaction_alert,)
