"""The customer comes again and again, each time less pleased or by a graver way: who goes from the
app to the phone and from the phone to the shop is about to complain.

Not felt: it is made of touches that were, and a better one of them must never lower the score.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from pipeline.core.care.recent import Sought, keep
from pipeline.core.moment import Moment
from pipeline.core.notice.contacts import is_sought
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.perceive.recovery import NO_DIGEST, topic_key
from pipeline.core.policy.numbers import DAY_S
from pipeline.core.policy.patterns import EscalationPolicy
from pipeline.core.touch import touch_of
from schemas.inbound import Event
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.complaints import ComplaintOpenedData
from schemas.touchpoints.digital import DigitalUsedData
from schemas.touchpoints.messages import MessageData
from schemas.touchpoints.repairs import RepairOpenedData
from schemas.touchpoints.visits import VisitCompletedData

NAME: Final = "escalation"

_WAYS: Final[dict[type, str]] = {
    DigitalUsedData: "app",
    MessageData: "message",
    CallCompletedData: "phone",
    VisitCompletedData: "shop",
    RepairOpenedData: "repair",
    ComplaintOpenedData: "complaint",
}


def _watch(moment: Moment) -> list[Finding]:
    rule, event = moment.policy.patterns.escalation, moment.event
    if rule is None or event is None or not is_sought(moment):
        return []
    new, recent = _contact(moment, event, rule), moment.customer.care.recent
    most = moment.policy.limits.recent_contacts
    recent.contacts = keep([*recent.contacts, new], most, lambda each: each.at_s)
    about = [each for each in recent.contacts if _one_matter(each, new)]
    if not any(each is new for each in about):
        return []  # so late that the others have pushed it out
    for start in range(len(about) - rule.contacts.value + 1):
        run = about[start : start + rule.contacts.value]
        if not any(each is new for each in run):
            continue
        how = _how(run, rule.within_days.value * DAY_S)
        if how is not None:
            # The last of them stays, so that it may go on from there.
            recent.contacts = [e for e in recent.contacts if all(e is not r for r in run[:-1])]
            topic = None if moment.touch is None else moment.touch.topic
            facts = {"what": f"{len(run)} contacts, {how}"}
            number = len(run)
            return [Found(NAME, event.source, event.id, moment.at_s, number, topic, facts=facts)]
    return []


def _contact(moment: Moment, event: Event, rule: EscalationPolicy) -> Sought:
    touch = touch_of(event)
    way = "complaint" if touch.complaint else _WAYS[type(event.data)]
    rank = rule.ways.index(way) + 1 if way in rule.ways else 0
    sentiment: float | None = event.data.sentiment  # type: ignore[union-attr]
    return Sought(moment.at_s, topic_key(touch.topic), rank, sentiment)


def _one_matter(one: Sought, other: Sought) -> bool:
    """Whether both may be about the same: most contacts do not tell what they are about."""
    return NO_DIGEST in (one.topic, other.topic) or one.topic == other.topic


def _how(run: Sequence[Sought], within_s: float) -> str | None:
    if run[-1].at_s - run[0].at_s > within_s:
        return None
    if all(0 < one.rank < other.rank for one, other in pairwise(run)):
        return "each by a graver way"
    moods = [each.sentiment for each in run if each.sentiment is not None]
    if len(moods) == len(run) and all(one > other for one, other in pairwise(moods)):
        return "each less pleased"
    return None


PATTERN: Final = Pattern(NAME, tuple(_WAYS), _watch)
