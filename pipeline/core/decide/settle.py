"""What became of an action: whoever carries actions out reports, and the ledger is closed."""

from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.core.decide.contacts import narrow, release
from pipeline.core.decide.done import end
from pipeline.core.moment import Moment
from pipeline.core.profile import tier_of
from schemas.care import CareDecision, Cause
from schemas.topics import DECISIONS
from schemas.touchpoints.care import CareSettled, Settlement
from schemas.touchpoints.messages import MessageDelivered, MessageFailed

_UNKNOWN = "unknown"


class _Report(NamedTuple):
    action: str
    name: str
    channel: str
    result: Settlement
    detail: str
    cost: float


def settle(moment: Moment) -> None:
    """Take a report down, if the event is one: once for each action."""
    report, event = _report(moment), moment.event
    if report is None or event is None or not end(moment.customer.care, report.action):
        return
    if report.result == "done":
        narrow(moment.customer.care, report.action, report.channel, moment.at_s)
    else:
        release(moment.customer.care, report.action)
    rule = moment.policy.actions.get(report.name)
    decision = CareDecision(
        id=report.action,
        action=report.name,
        customer=moment.name,
        cause=Cause(event.source, event.id),
        decided_at=datetime.fromtimestamp(moment.at_s, UTC),
        outcome="settled",
        reason=report.result,
        detail=report.detail,
        policy=moment.policy.ref.digest,
        action_class="service" if rule is None else rule.action_class,
        channel=report.channel,
        campaign=None if rule is None else rule.campaign,
        tier=tier_of(moment.customer, moment.policy),
        cost=report.cost,
    )
    moment.answer.say(DECISIONS, decision)
    # A label of its own for every name that somebody may report would never end.
    name = _UNKNOWN if rule is None else report.name
    moment.answer.tell("decided", name, "settled", report.result)


def _report(moment: Moment) -> _Report | None:
    event = moment.event
    if isinstance(event, CareSettled):
        told = event.data
        return _Report(
            told.action, told.name, told.channel, told.result, told.detail, told.cost or 0.0
        )
    if isinstance(event, MessageDelivered | MessageFailed):
        message = event.data
        if message.action is None or message.about is None:
            return None
        result: Settlement = "done" if isinstance(event, MessageDelivered) else "failed"
        return _Report(message.about, message.action, message.channel, result, "", 0.0)
    return None
