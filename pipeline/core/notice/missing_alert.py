"""A transaction over the customer's threshold, and no alert about it in time.

Silence is felt: a customer who is not told of a purchase does not feel safe (the bank that alerts
only above 500). The alert may name the transaction or the action it carries out.
"""

from typing import Final

from pipeline.core.care.memory import Alarm, arm, disarm
from pipeline.core.care.transaction_alert import wanted_by
from pipeline.core.customer import digest_of
from pipeline.core.moment import Moment
from pipeline.core.notice.pattern import Finding, Found, Pattern, Withdrawn
from pipeline.core.policy.care import TRANSACTION_ALERT
from schemas.ids import action_id
from schemas.touchpoints.messages import MessageData, MessageDelivered
from schemas.touchpoints.transactions import TransactionCompleted, TransactionCompletedData

NAME: Final = "missing_alert"


def _watch(moment: Moment) -> list[Finding]:
    rule, event = moment.policy.patterns.missing_alert, moment.event
    if rule is None:
        return []
    if isinstance(event, TransactionCompleted):
        _await(moment, event, rule.within_seconds)
    elif isinstance(event, MessageDelivered) and event.data.about is not None:
        about, trigger = digest_of(event.data.about), event.data.about
        for alarm in moment.customer.care.alarms:
            if alarm.kind == NAME and (alarm.about == about or alarm.event == trigger):
                if moment.at_s <= alarm.due_s:
                    disarm(moment.customer.care, NAME, alarm.about)
                return []
        return [Withdrawn(NAME, about, trigger, moment.at_s)]
    return []


def _await(moment: Moment, event: TransactionCompleted, within_s: float) -> None:
    asked = wanted_by(moment, event.data)
    if asked is None or not asked[0] or event.data.amount < asked[1]:
        return
    identity = action_id(TRANSACTION_ALERT, moment.name, event.source, event.id)
    due_s = moment.at_s + within_s
    alarm = Alarm(
        due_s + moment.policy.patterns.lateness_seconds, due_s, NAME, digest_of(identity), event.id
    )
    if not arm(moment.customer.care, alarm, moment.policy.limits.alarms):
        moment.answer.tell("noticed", NAME, "no_room")


def _fire(moment: Moment, alarm: Alarm) -> list[Finding]:
    what = "no alert about a transaction"
    return [
        Found(NAME, "", alarm.event, alarm.due_s, about=alarm.about, facts={"what": what}),
    ]


PATTERN: Final = Pattern(NAME, (TransactionCompletedData, MessageData), _watch, _fire)
