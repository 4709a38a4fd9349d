"""Quiet hours in the customer's own time zone: what does not press waits until they end."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.core.customer import Customer
from pipeline.core.decide.guard import Question, Verdict
from pipeline.core.moment import Moment
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.guarding import QuietHours
from pipeline.core.policy.ways import is_contact
from pipeline.core.profile import tier_of
from pipeline.core.zones import zone_of
from schemas.care import Quiet


def zone_of_customer(customer: Customer, policy: Policy) -> ZoneInfo:
    """The customer's time zone; the policy's where none is known, or none of that name."""
    name = customer.profile.time_zone
    zone = None if name is None else zone_of(name)
    return policy.decide.zone if zone is None else zone


def is_quiet(hours: QuietHours, zone: ZoneInfo, at_s: float) -> bool:
    """Whether the customer's clock is in quiet hours at ``at_s``."""
    local = datetime.fromtimestamp(at_s, zone)
    minute = local.hour * 60 + local.minute
    if hours.begins < hours.ends:
        return hours.begins <= minute < hours.ends
    return minute >= hours.begins or minute < hours.ends


def quiet_end_s(hours: QuietHours, zone: ZoneInfo, at_s: float) -> float:
    """When the quiet hours that ``at_s`` is in end, in seconds since 1970.

    Where the clock is put back over the end, the first time at which it shows it; where it is put
    forward over it, that moment.
    """
    local = datetime.fromtimestamp(at_s, zone)
    ends = time(*divmod(hours.ends, 60))
    # Two days more: some zone once left out a whole day.
    for days in range(4):
        date = local.date() + timedelta(days=days)
        for fold in (0, 1):
            end_s = datetime.combine(date, ends.replace(fold=fold), zone).timestamp()
            if end_s > at_s and not is_quiet(hours, zone, end_s):
                return end_s
    raise AssertionError(f"no end of quiet hours after {local.isoformat()}")  # no such zone


def quiet_hours(moment: Moment, question: Question) -> Verdict | Question | None:
    """Hold what would arrive in quiet hours until they end; if that is too late, it expires.

    What competes in a campaign has no time yet: it is asked once it is allocated.
    """
    rule, policy = question.proposal.rule, moment.policy
    hours = policy.decide.quiet.get(tier_of(moment.customer, policy))
    if hours is None or rule.action_class not in hours.classes:
        return None
    zone = zone_of_customer(moment.customer, policy)
    kept = question._replace(quiet=Quiet(zone.key, hours.begins_text, hours.ends_text))
    competes = rule.campaign is not None and not question.again
    heard = is_contact(question.channels[0])  # a task of staff wakes nobody
    if competes or not heard or not is_quiet(hours, zone, moment.now_s):
        return kept
    until_s = quiet_end_s(hours, zone, moment.now_s)
    detail = f"quiet from {hours.begins_text} to {hours.ends_text} in {zone.key}"
    if until_s > question.occasion.at_s + rule.expires_s:
        until = datetime.fromtimestamp(until_s, UTC).isoformat(timespec="minutes")
        return Verdict("expired", "quiet_hours", f"{detail}; over at {until}, which is too late")
    return Verdict("held", "quiet_hours", detail, until_s)
