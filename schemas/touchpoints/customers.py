"""What is known of the customer: grade, peers, consent, wishes, identity."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Data, Envelope
from schemas.ids import Id, Label
from schemas.touchpoints.common import Channel, Money


class AlertChoice(Data):
    """The customer's own wish for transaction alerts; what is absent is left to the policy."""

    threshold: Annotated[
        Money | None, Field(description="Alert from this amount on, in the account's currency.")
    ] = None
    channel: Channel | None = None
    wanted: bool = True


class CustomerProfiledData(Data):
    """A profile as the operator's own system has it. Absent fields leave what was known."""

    tier: Label | None = None
    cohort: Label | None = None
    language: Annotated[
        str | None, Field(description="BCP 47 tag.", pattern=r"^[A-Za-z0-9-]{2,35}$")
    ] = None
    time_zone: Annotated[
        str | None, Field(description="IANA name.", pattern=r"^[A-Za-z0-9_+/-]{1,64}$")
    ] = None
    alerts: AlertChoice | None = None


class CustomerProfiled(Envelope):
    """The profile of a customer was made or changed."""

    type: Literal["touchpoint.customer.profiled.v1"]
    data: CustomerProfiledData


class CustomerConsentedData(Data):
    """Consent by channel and purpose, given or withdrawn."""

    channel: Channel
    purpose: Literal["service", "care", "marketing"]
    granted: bool


class CustomerConsented(Envelope):
    """The customer gave or withdrew consent."""

    type: Literal["touchpoint.customer.consented.v1"]
    data: CustomerConsentedData


class CustomerMergedData(Data):
    """``subject`` is the id that stays, ``merged`` the one that goes."""

    merged: Id


class CustomerMerged(Envelope):
    """Two ids turned out to be one customer."""

    type: Literal["touchpoint.customer.merged.v1"]
    data: CustomerMergedData
