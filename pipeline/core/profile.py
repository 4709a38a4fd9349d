"""What upstream says of a customer: grade, peers, wishes, consent; each as of its own time."""

from typing import Final, get_args

from pipeline.core.customer import AlertWish, Customer
from pipeline.core.policy.compiled import Policy
from schemas.touchpoints.common import Channel
from schemas.touchpoints.customers import CustomerConsentedData, CustomerProfiledData, Purpose

_CHANNELS: Final = get_args(Channel)
_PURPOSES: Final = get_args(Purpose)


def learn(customer: Customer, told: CustomerProfiledData, at_s: float) -> None:
    """Take over what the profile says; what it leaves out stays as it was known.

    A profile older than the latest one only fills gaps.
    """
    profile = customer.profile
    if profile.since_s is not None and at_s < profile.since_s:
        _fill_gaps(customer, told)
        return
    if told.tier is not None or told.revenue is not None:
        profile.earlier_tier, profile.earlier_revenue = profile.tier, profile.revenue
        profile.since_s = at_s
    profile.tier = told.tier or profile.tier
    profile.revenue = profile.revenue if told.revenue is None else told.revenue
    profile.cohort = told.cohort or profile.cohort
    profile.language = told.language or profile.language
    profile.time_zone = told.time_zone or profile.time_zone
    if told.alerts is not None:
        wish = told.alerts
        profile.alerts = AlertWish(wish.threshold, wish.channel, wish.wanted)


def _fill_gaps(customer: Customer, told: CustomerProfiledData) -> None:
    profile = customer.profile
    profile.earlier_tier = told.tier or profile.earlier_tier
    profile.earlier_revenue = profile.earlier_revenue if told.revenue is None else told.revenue
    profile.tier = profile.tier or told.tier
    profile.revenue = told.revenue if profile.revenue is None else profile.revenue
    profile.cohort = profile.cohort or told.cohort
    profile.language = profile.language or told.language
    profile.time_zone = profile.time_zone or told.time_zone
    if profile.alerts is None and told.alerts is not None:
        wish = told.alerts
        profile.alerts = AlertWish(wish.threshold, wish.channel, wish.wanted)


def tier_of(customer: Customer, policy: Policy) -> str:
    """The customer's tier, or the policy's default where it is unknown to the policy."""
    tier = customer.profile.tier
    return tier if tier is not None and tier in policy.base_logits else policy.default_tier


def tier_at(customer: Customer, at_s: float, policy: Policy) -> str:
    """The tier a touch of ``at_s`` is judged by, or the policy's default where it is unknown."""
    profile = customer.profile
    known = profile.since_s is None or at_s >= profile.since_s
    tier = profile.tier if known else profile.earlier_tier
    return tier if tier is not None and tier in policy.base_logits else policy.default_tier


def consent(customer: Customer, told: CustomerConsentedData, at_s: float) -> None:
    """Take consent down. One that comes late may take away, but not give back."""
    profile = customer.profile
    bit = 1 << (_CHANNELS.index(told.channel) * len(_PURPOSES) + _PURPOSES.index(told.purpose))
    late = at_s < profile.consented_s
    profile.consented_s = max(at_s, profile.consented_s)
    if told.granted and not (late and profile.denied & bit):
        profile.granted, profile.denied = profile.granted | bit, profile.denied & ~bit
    elif not told.granted:
        profile.granted, profile.denied = profile.granted & ~bit, profile.denied | bit


def consented(customer: Customer, channel: Channel, purpose: Purpose) -> bool | None:
    """Whether the customer consents; ``None`` if never asked."""
    bit = 1 << (_CHANNELS.index(channel) * len(_PURPOSES) + _PURPOSES.index(purpose))
    if customer.profile.granted & bit:
        return True
    return False if customer.profile.denied & bit else None
