"""Care that staff gave on their own: taken down in the ledger, so that what recurs can be a rule.

The decision is ``recorded``, its action what staff called it, its reason what they said it was
for. Its trigger is what the pipeline itself had seen by then, if that is something an action can
wait for; its detail is the customer's situation in words.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pipeline.core.moment import Moment
from pipeline.core.notice.patterns import PATTERNS
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.expectation import context_at
from pipeline.core.perceive.promises import is_overdue
from pipeline.core.perceive.ratio import read_ratio
from pipeline.core.perceive.recovery import is_open
from pipeline.core.profile import tier_of
from schemas.care import CareDecision, Cause
from schemas.ids import action_id
from schemas.topics import DECISIONS
from schemas.touchpoints.care import StaffCared

NOT_SAID: Final = "not_said"
"""The reason of care for which staff gave none."""

_KIND: Final = "by_hand"
_RECENT_S: Final = 7 * 86_400.0
"""What staff make good is rarely older than a week."""


def record(moment: Moment) -> None:
    """Take down what staff did, if the event is that."""
    event = moment.event
    if not isinstance(event, StaffCared):
        return
    data = event.data
    decision = CareDecision(
        id=action_id(_KIND, moment.name, event.source, event.id),
        action=data.care,
        customer=moment.name,
        cause=Cause(event.source, event.id),
        decided_at=datetime.fromtimestamp(moment.at_s, UTC),
        outcome="recorded",
        reason=data.because or NOT_SAID,
        detail=", ".join(_situation(moment)),
        policy=moment.policy.ref.digest,
        action_class="care",
        trigger=_trigger(moment, data.because),
        channel=data.channel,
        tier=tier_of(moment.customer, moment.policy),
        cost=data.cost or 0.0,
    )
    moment.answer.say(DECISIONS, decision)
    # Not by its own name: staff may call it anything, and a label must not.
    moment.answer.tell("decided", _KIND, "recorded", "staff")


def _trigger(moment: Moment, because: str | None) -> str:
    """What staff named, else the latest thing that was seen; empty if there was none."""
    outlooks = {rule.name for rule in moment.policy.outlooks}
    if because in PATTERNS:
        return f"notice.{because}"
    if because in outlooks:
        return f"outlook.{because}"
    care = moment.customer.care
    shown = [each for each in care.shown if _recent(moment, each.at_s)]
    if shown:
        return f"notice.{max(shown, key=lambda each: each.at_s).kind}"
    called = [each.outlook for each in care.forecasts if each.called and each.outlook in outlooks]
    if called:
        return f"outlook.{called[0]}"
    return "low_score" if care.called else ""


def _recent(moment: Moment, at_s: float) -> bool:
    return moment.at_s - _RECENT_S <= at_s <= moment.at_s


def _situation(moment: Moment) -> Iterator[str]:
    customer, policy, made = moment.customer, moment.policy, moment.contribution
    if made is not None and made.score_before is not None:
        yield f"score {made.score_before:.1f} before it"
    at_s = customer.as_of_s
    scale, context = scales(customer, at_s), context_at(customer, at_s, policy)
    yield f"{read_ratio(customer, tier_of(customer, policy), context, policy, scale).band} after it"
    failures = sum(is_open(each, policy.recovery) for each in customer.failures)
    if failures:
        yield f"open failures {failures}"
    overdue = sum(is_overdue(each, at_s) for each in customer.promises)
    if overdue:
        yield f"overdue promises {overdue}"
    shown = sorted({each.kind for each in customer.care.shown if _recent(moment, each.at_s)})
    if shown:
        yield f"patterns {' '.join(shown)}"
