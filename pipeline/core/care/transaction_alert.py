"""The instant transaction alert: every transaction, at once, any amount by default.

A bank that alerts only above 500 leaves the small spender insecure; one that alerts on every
purchase keeps the customer.
"""

from datetime import datetime
from typing import Final

from pipeline.core.customer import Customer
from pipeline.core.policy.compiled import Policy
from pipeline.core.profile import tier_of
from schemas.care import CareAction, CareDecision, Cause
from schemas.ids import action_id
from schemas.touchpoints.transactions import TransactionCompleted

NAME: Final = "transaction_alert"


def transaction_alert(
    customer_id: str, customer: Customer, event: TransactionCompleted, at: datetime, policy: Policy
) -> CareAction | CareDecision | None:
    """Alert, withhold with a reason, or ``None`` where there is nothing to consider.

    Threshold and channel: the customer's own word, else the tier's, else the policy's. ``at`` is
    the event's time in UTC.
    """
    rule = policy.care.transaction_alert
    if not rule.enabled or event.data.kind not in rule.kinds:
        return None
    tier = tier_of(customer, policy)
    tier_rule, wish = rule.tiers.get(tier), customer.profile.alerts
    amount = f"{event.data.amount:.2f}"
    threshold, whose = rule.threshold, "the policy"
    if tier_rule and tier_rule.threshold is not None:
        threshold, whose = tier_rule.threshold, f"tier {tier}"
    if wish and wish.threshold is not None:
        threshold, whose = wish.threshold, "the customer"
    channel = (
        (wish.channel if wish else None) or (tier_rule.channel if tier_rule else None)
    ) or rule.channel
    cause = Cause(source=event.source, event=event.id)
    identity = action_id(NAME, customer_id, event.source, event.id)
    if wish and not wish.wanted:
        reason, detail = "not_wanted", "the customer wants no alerts"
    elif event.data.amount < threshold:
        reason = "below_threshold"
        detail = f"{amount} is below {threshold:.2f}, set by {whose}"
    else:
        return CareAction(
            id=identity,
            action=NAME,
            action_class=rule.action_class,
            customer=customer_id,
            channel=channel,
            cause=cause,
            decided_at=at,
            reason=f"{amount} reaches {threshold:.2f}, set by {whose}",
            template=rule.template,
            fields=_fields(event, amount),
            policy=policy.ref.digest,
        )
    return CareDecision(
        id=identity,
        action=NAME,
        customer=customer_id,
        cause=cause,
        decided_at=at,
        outcome="withheld",
        reason=reason,
        detail=detail,
        policy=policy.ref.digest,
    )


def _fields(event: TransactionCompleted, amount: str) -> dict[str, str]:
    data = event.data
    return {
        "amount": amount,
        "currency": data.currency,
        "kind": data.kind,
        "merchant": data.merchant or "",
        "account": data.account or "",
        "approved": "yes" if data.approved else "no",
    }
