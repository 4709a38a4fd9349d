"""Put forward for a campaign: the customer waits, so that the campaign need not, until it closes.

Then all who were put forward ask for their share at the same time. Who is put forward before the
campaign opens, or after it closed, asks at once, and hears why it cannot be.
"""

from typing import Final

from pipeline.core.care.memory import Alarm, arm
from pipeline.core.customer import digest_of
from pipeline.core.moment import PIPELINE, Moment, Occasion
from pipeline.core.policy.campaigns import CampaignRule
from pipeline.core.policy.compiled import Policy
from schemas.care import Cause
from schemas.ids import action_id
from schemas.touchpoints.campaigns import CampaignNominated

NAME: Final = "nominated"
"""The alarm's kind, and the trigger that actions wait for."""


def nominated(moment: Moment) -> tuple[Occasion, ...]:
    """What being put forward calls for now: mostly nothing before the campaign closes."""
    event = moment.event
    if not isinstance(event, CampaignNominated):
        return ()
    rule = _wanted(moment.policy, event.data.campaign)
    if rule is None:
        return ()
    size = event.data.cohort_size or 0
    if rule.closes_s is not None and (rule.opens_s or 0.0) <= moment.at_s <= rule.closes_s:
        alarm = _alarm(rule, size)
        waits = moment.now_s < rule.closes_s
        if waits and arm(moment.customer.care, alarm, moment.policy.limits.alarms):
            return ()
    cause = Cause(source=event.source, event=event.id)
    return (Occasion(NAME, cause, moment.at_s, _facts(rule, size), event),)


def fire(moment: Moment, alarm: Alarm) -> list[Occasion]:
    """The campaign has closed, or its policy gave it more time."""
    rule = _wanted(moment.policy, alarm.event)
    if rule is None:
        return []
    if rule.closes_s is not None and rule.closes_s > moment.now_s:
        arm(moment.customer.care, _alarm(rule, alarm.number), moment.policy.limits.alarms)
        return []
    # Of customer and campaign, not of the event: who is put forward twice has one share.
    identity = action_id(NAME, moment.name, PIPELINE, rule.name)
    cause = Cause(source=PIPELINE, event=identity)
    return [Occasion(NAME, cause, alarm.due_s, _facts(rule, alarm.number))]


def _alarm(rule: CampaignRule, size: int) -> Alarm:
    closes_s = rule.closes_s or 0.0
    return Alarm(closes_s, closes_s, NAME, digest_of(rule.name), rule.name, size)


def _wanted(policy: Policy, campaign: str) -> CampaignRule | None:
    """The campaign, if an action of it waits for who is put forward."""
    waiting = (action.campaign for action in policy.triggers.get(NAME, ()))
    return policy.campaigns.get(campaign) if campaign in waiting else None


def _facts(rule: CampaignRule, size: int) -> dict[str, str]:
    return {
        "campaign": rule.name,
        "gift": rule.gift,
        "cohort_size": str(size) if size else "",
        "why": f"put forward for {rule.name}",
    }
