"""What an action is: one a file beside this one, each with what it offers and when it applies."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.care import ActionRule


class Proposal(NamedTuple):
    """An action put forward for one occasion.

    ``why`` is what speaks for it. ``against`` is the action's own reason not to do it (reason and
    detail), if it has one. ``channels`` are those to try, in this order.
    """

    rule: ActionRule
    fields: Mapping[str, str]
    why: str
    channels: tuple[str, ...]
    against: tuple[str, str] | None = None


Propose = Callable[[Moment, Occasion, ActionRule], Proposal | None]
"""The proposal of an action; ``None`` where there is nothing to consider."""


Requested = Callable[[Moment, Occasion], None]
"""What an action does to the customer's own state once it is decided for."""


class Action(NamedTuple):
    """One thing that can be done for a customer.

    ``offers`` are the fields it can fill in: a template that asks for another one is refused when
    the policy is loaded. ``requested`` is told when the action was decided for.
    """

    name: str
    offers: frozenset[str]
    propose: Propose
    requested: Requested | None = None
