"""What may be done for a customer and within which limits, as the policy file says it."""

from typing import Annotated, NamedTuple

from pydantic import Field

from pipeline.core.perceive.evidence import Measure
from pipeline.core.policy.constants import Key, NotNegativeConstant, Positive, Section
from schemas.care import ActionClass
from schemas.touchpoints.common import Channel, Money
from schemas.touchpoints.customers import Purpose

Trigger = Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_0-9]+)?$", max_length=48)]
"""``transaction``, ``initiative``, ``notice.PATTERN``, ``case.WHAT``, ``low_score``, ..."""

Way = Channel | Annotated[str, Field(pattern="^(staff|none)$")]
"""A channel to the customer, ``staff`` for a task of the company's own, ``none`` for silence."""


class AlertRule(Section):
    """When an alert is sent and by which channel; absent parts fall back to the rule above."""

    threshold: Money | None = None
    channel: Channel | None = None


class TransactionAlertPolicy(Section):
    """The instant alert: any amount by default, otherwise by tier; the customer's word wins.

    Where it is not sent within ``expires_hours`` of the transaction it says nothing new.
    """

    enabled: bool = True
    action_class: ActionClass = "required"
    threshold: Money = 0.0
    channel: Channel = "sms"
    fallbacks: tuple[Channel, ...] = ()
    kinds: tuple[str, ...] = ("purchase", "withdrawal", "transfer")
    template: Key = "transaction_alert"
    expires_hours: Positive = 24.0
    tiers: dict[Key, AlertRule] = Field(default_factory=dict)


class ActionPolicy(Section):
    """One action: what calls for it, how it goes out, what it costs and brings.

    ``gain`` is in points of score. It is not sent later than ``expires_hours`` after what called
    for it, nor within ``conflict_hours`` of one of its ``conflicts``. With a ``campaign`` it
    competes for that campaign's means. With ``needs_approval`` it is requested, and waits until
    somebody approves it or it expires.
    """

    enabled: bool = True
    action_class: ActionClass
    on: Annotated[tuple[Trigger, ...], Field(min_length=1)]
    channels: Annotated[tuple[Way, ...], Field(min_length=1)]
    template: Key
    cost: Money = 0.0
    gain: NotNegativeConstant
    expires_hours: Positive = 72.0
    conflicts: tuple[Key, ...] = ()
    conflict_hours: Positive = 72.0
    campaign: Key | None = None
    needs_approval: bool = False


class CarePolicy(Section):
    """What may be done for a customer: the alert with its own rules, and every other action.

    ``silent_days`` is how long a deliberate silence lasts. ``thank_for`` names touchpoints that
    are an initiative of the customer's (trigger ``initiative``), and the measure that must be true
    for it, if any.
    """

    transaction_alert: TransactionAlertPolicy = TransactionAlertPolicy()
    silent_days: Positive = 14.0
    thank_for: dict[Key, Measure | None] = Field(default_factory=dict)
    actions: dict[Key, ActionPolicy] = Field(default_factory=dict)


class ActionRule(NamedTuple):
    """An action's section multiplied out, for the hot path."""

    name: str
    action_class: ActionClass
    purpose: Purpose
    on: tuple[str, ...]
    channels: tuple[str, ...]
    template: str
    cost: float
    gain: float
    expires_s: float
    conflicts: frozenset[str]
    conflict_s: float
    campaign: str | None
    needs_approval: bool = False


TRANSACTION_ALERT = "transaction_alert"
_PURPOSES: dict[ActionClass, Purpose] = {
    "required": "service",
    "service": "service",
    "care": "care",
    "marketing": "marketing",
}


def action_rules(care: CarePolicy) -> dict[str, ActionRule]:
    """Every enabled action by name."""
    rules = {
        name: ActionRule(
            name=name,
            action_class=given.action_class,
            purpose=_PURPOSES[given.action_class],
            on=given.on,
            channels=given.channels,
            template=given.template,
            cost=given.cost,
            gain=given.gain.value,
            expires_s=given.expires_hours * 3_600.0,
            conflicts=frozenset(given.conflicts),
            conflict_s=given.conflict_hours * 3_600.0,
            campaign=given.campaign,
            needs_approval=given.needs_approval,
        )
        for name, given in care.actions.items()
        if given.enabled
    }
    alert = care.transaction_alert
    if alert.enabled:
        rules[TRANSACTION_ALERT] = ActionRule(
            name=TRANSACTION_ALERT,
            action_class=alert.action_class,
            purpose=_PURPOSES[alert.action_class],
            on=("transaction",),
            channels=(alert.channel, *alert.fallbacks),
            template=alert.template,
            cost=0.0,
            gain=0.0,
            expires_s=alert.expires_hours * 3_600.0,
            conflicts=frozenset(),
            conflict_s=0.0,
            campaign=None,
        )
    return rules


def by_trigger(rules: dict[str, ActionRule]) -> dict[str, tuple[ActionRule, ...]]:
    """The actions that wait for each trigger; the most gain for the cost first."""
    found: dict[str, list[ActionRule]] = {}
    for rule in rules.values():
        for trigger in rule.on:
            found.setdefault(trigger, []).append(rule)
    return {
        trigger: tuple(sorted(each, key=lambda rule: (-_per_cost(rule), rule.name)))
        for trigger, each in found.items()
    }


def _per_cost(rule: ActionRule) -> float:
    return rule.gain / max(rule.cost, 0.01)
