"""What care makes of an event that was felt, and of a time that has come.

The rooms are asked in this order: what became of earlier care, cases, patterns, what the event
itself calls for, then what may happen next. Each occasion found goes to ``decide``.
"""

from collections.abc import Callable
from typing import Final

from pipeline.core.admission import Admitted
from pipeline.core.anticipate import forecasts
from pipeline.core.care import by_hand, nomination, peers
from pipeline.core.care.memory import Alarm, next_due
from pipeline.core.care.thank_you import initiative
from pipeline.core.cases import breach, cases
from pipeline.core.cases.book import ALARM as CASE
from pipeline.core.customer import Customer
from pipeline.core.decide import again, low_score, waiting
from pipeline.core.decide.judge import consider
from pipeline.core.decide.settle import settle
from pipeline.core.decide.wishes import tell_wishes
from pipeline.core.moment import Answer, Moment, Occasion
from pipeline.core.notice import notices
from pipeline.core.policy.compiled import Policy
from pipeline.core.steps import Outcome
from pipeline.core.touch import touch_of
from schemas.care import Cause
from schemas.topics import CONTRIBUTIONS
from schemas.touchpoints.care import CareDecided, CareSettled
from schemas.touchpoints.customers import CustomerConsented, CustomerInherited, CustomerProfiled
from schemas.touchpoints.messages import MessageDelivered, MessageFailed
from schemas.touchpoints.transactions import TransactionCompleted

MOST_ALARMS: Final = 64
"""So many alarms fire at one tick at most; the others wait for the next one."""


def attend(
    name: str, admitted: Admitted, outcome: Outcome, policy: Policy, clock_s: float
) -> Answer:
    """What is said of an event after it was felt; ``clock_s`` is the partition's clock."""
    answer = Answer()
    contribution = outcome.contribution
    if contribution is None:
        return answer
    answer.say(CONTRIBUTIONS, contribution)
    if outcome.loop is not None or outcome.customer.merged_into is not None:
        return answer
    event, at_s = admitted
    moment = Moment(
        name=name,
        customer=outcome.customer,
        policy=policy,
        at_s=at_s,
        now_s=max(at_s, clock_s),
        answer=answer,
        event=event,
        touch=touch_of(event),
        contribution=contribution,
    )
    earlier = _EARLIER.get(type(event))
    if earlier is not None:
        earlier(moment)
    by_hand.record(moment)
    peers.tell_gift(moment)
    for occasion in (
        *cases.watch(moment),
        *notices.watch(moment),
        *_own(moment),
        *nomination.nominated(moment),
        *forecasts.watch(moment),
    ):
        consider(moment, occasion)
    cause = Cause(source=event.source, event=event.id)
    for occasion in low_score.evaluate(moment, cause, contribution.score_before):
        consider(moment, occasion)
    return answer


def _inherited(moment: Moment) -> None:
    """Two customers are one: what they wish, and what waits for them."""
    tell_wishes(moment)
    again.make_room(moment)


def wake(name: str, customer: Customer, policy: Policy, clock_s: float) -> Answer:
    """Let every alarm that is due fire; ``clock_s`` is the time that has come."""
    answer = Answer()
    fired = 0
    while fired < MOST_ALARMS and (alarm := next_due(customer.care, clock_s)):
        fired += 1
        moment = Moment(name, customer, policy, alarm.due_s, clock_s, answer)
        room = _ROOMS.get(alarm.kind, notices.fire)
        before = low_score.look(customer, policy)
        found = room(moment, alarm)
        for occasion in found:
            consider(moment, occasion)
        if found:  # what an absence means is felt, too
            for occasion in low_score.evaluate(moment, found[-1].cause, before):
                consider(moment, occasion)
    return answer


def _own(moment: Moment) -> tuple[Occasion, ...]:
    """What the event itself calls for."""
    event = moment.event
    if not isinstance(event, TransactionCompleted):
        return initiative(moment)
    cause = Cause(source=event.source, event=event.id)
    return (Occasion("transaction", cause, moment.at_s, event=event),)


_ROOMS: Final[dict[str, Callable[[Moment, Alarm], list[Occasion]]]] = {
    forecasts.KIND: forecasts.fire,
    CASE: cases.fire,
    breach.BREACH: breach.fire,
    waiting.ALARM: again.ring,
    nomination.NAME: nomination.fire,
}
"""Who looks at an alarm that is no pattern's, by the alarm's kind."""

# Looked up by type: isinstance() of a pydantic model is dear, and most events are none of these.
_EARLIER: Final[dict[type, Callable[[Moment], None]]] = {
    CareDecided: again.hear_verdict,
    CareSettled: settle,
    MessageDelivered: settle,
    MessageFailed: settle,
    CustomerConsented: tell_wishes,
    CustomerProfiled: tell_wishes,
    CustomerInherited: _inherited,
}
"""Who hears what an event says of earlier care, or of what the customer wants of it."""
