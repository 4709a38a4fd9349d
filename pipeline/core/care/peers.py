"""Tells a campaign of gifts that peers can see: part of a cohort with a gift is worse than none."""

from datetime import UTC, datetime

from pipeline.core.moment import Moment
from schemas.care import GiftSeen
from schemas.topics import PROPOSALS
from schemas.touchpoints.gifts import GiftGiven


def tell_gift(moment: Moment) -> None:
    """Say that a gift of a campaign or batch came to a customer who has peers."""
    event, cohort = moment.event, moment.customer.profile.cohort
    if not isinstance(event, GiftGiven) or cohort is None:
        return
    campaign = event.data.campaign or event.data.batch
    if campaign is None:
        return
    seen = GiftSeen(
        campaign=campaign,
        customer=moment.name,
        cohort=cohort,
        given_at=datetime.fromtimestamp(moment.at_s, UTC),
        event=event.id,
    )
    moment.answer.say(PROPOSALS, seen, key=campaign)
