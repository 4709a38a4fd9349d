"""The instant transaction alert: every transaction, at once, any amount by default.

A bank that alerts only above 500 leaves the small spender insecure; one that alerts on every
purchase keeps the customer.
"""

from typing import Final

from pipeline.core.care.action import Action, Proposal
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.care import TRANSACTION_ALERT, ActionRule
from pipeline.core.profile import tier_of
from schemas.touchpoints.transactions import TransactionCompleted, TransactionCompletedData

_OFFERS: Final = frozenset({"amount", "currency", "kind", "merchant", "account", "approved"})


def wanted_by(moment: Moment, data: TransactionCompletedData) -> tuple[bool, float, str] | None:
    """Whether an alert is wanted, from which amount on and who says so; ``None``: no alert's kind.

    The customer's own word counts first, then the tier's, then the policy's.
    """
    rule = moment.policy.care.transaction_alert
    if not rule.enabled or data.kind not in rule.kinds:
        return None
    tier, wish = tier_of(moment.customer, moment.policy), moment.customer.profile.alerts
    tier_rule = rule.tiers.get(tier)
    threshold, whose = rule.threshold, "the policy"
    if tier_rule and tier_rule.threshold is not None:
        threshold, whose = tier_rule.threshold, f"tier {tier}"
    if wish and wish.threshold is not None:
        threshold, whose = wish.threshold, "the customer"
    return wish is None or wish.wanted, threshold, whose


def _propose(moment: Moment, occasion: Occasion, rule: ActionRule) -> Proposal | None:
    event = occasion.event
    if not isinstance(event, TransactionCompleted):
        return None
    asked = wanted_by(moment, event.data)
    if asked is None:
        return None
    wanted, threshold, whose = asked
    amount, against = f"{event.data.amount:.2f}", None
    if not wanted:
        against = ("not_wanted", "the customer wants no alerts")
    elif event.data.amount < threshold:
        against = ("below_threshold", f"{amount} is below {threshold:.2f}, set by {whose}")
    return Proposal(
        rule=rule,
        fields=_fields(event.data, amount),
        why=f"{amount} reaches {threshold:.2f}, set by {whose}",
        channels=_channels(moment, rule),
        against=against,
    )


def _channels(moment: Moment, rule: ActionRule) -> tuple[str, ...]:
    wish = moment.customer.profile.alerts
    tier_rule = moment.policy.care.transaction_alert.tiers.get(
        tier_of(moment.customer, moment.policy)
    )
    first = (wish.channel if wish else None) or (tier_rule.channel if tier_rule else None)
    if first is None:
        return rule.channels
    return (first, *(channel for channel in rule.channels[1:] if channel != first))


def _fields(data: TransactionCompletedData, amount: str) -> dict[str, str]:
    return {
        "amount": amount,
        "currency": data.currency,
        "kind": data.kind,
        "merchant": data.merchant or "",
        "account": data.account or "",
        "approved": "yes" if data.approved else "no",
    }


ACTION: Final = Action(TRANSACTION_ALERT, _OFFERS, _propose)
