"""Gifts and other tokens of thanks."""

from typing import Literal

from pydantic import AwareDatetime

from schemas.envelope import Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Channel, Contact, Money


class GiftGivenData(Contact):
    """``batch`` joins the gifts that peers will compare; ``meant_for`` is the day it is about."""

    gift: Name
    campaign: Name | None = None
    batch: Name | None = None
    channel: Channel | None = None
    cost: Money | None = None
    meant_for: AwareDatetime | None = None


class GiftGiven(Envelope):
    """A gift reached the customer."""

    type: Literal["touchpoint.gift.given.v1"]
    data: GiftGivenData
