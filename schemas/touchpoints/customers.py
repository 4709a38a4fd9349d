"""What is known of the customer: grade, peers, consent, wishes, identity."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from schemas.envelope import Data, Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Channel, Money

COHORT_BYTES: Final = 48


def _fits(text: str) -> str:
    if len(text.encode()) > COHORT_BYTES:
        raise ValueError(f"must be at most {COHORT_BYTES} bytes of UTF-8")
    return text


# Kept in a customer's state, whose size is bounded in bytes.
Cohort = Annotated[Name, AfterValidator(_fits)]

Purpose = Literal["service", "care", "marketing"]
"""What a channel may be used for: service asked for, care, selling."""


class AlertChoice(Data):
    """The customer's own wish for transaction alerts; what is absent is left to the policy."""

    threshold: Annotated[
        Money | None, Field(description="Alert from this amount on, in the account's currency.")
    ] = None
    channel: Channel | None = None
    wanted: bool = True


class CustomerProfiledData(Data):
    """A profile as the operator's own system has it. Absent fields leave what was known."""

    tier: Annotated[
        str | None, Field(description="As the policy names it.", pattern=r"^[\x20-\x7e]{1,32}$")
    ] = None
    cohort: Annotated[
        Cohort | None, Field(description="Whose treatment the customer can see; 48 bytes of UTF-8.")
    ] = None
    language: Annotated[
        str | None, Field(description="BCP 47 tag.", pattern=r"^[A-Za-z0-9-]{2,16}$")
    ] = None
    time_zone: Annotated[
        str | None, Field(description="IANA name.", pattern=r"^[A-Za-z0-9_+/-]{1,32}$")
    ] = None
    revenue: Annotated[Money | None, Field(description="A month, in the operator's currency.")] = (
        None
    )
    alerts: AlertChoice | None = None


class CustomerProfiled(Envelope):
    """The profile of a customer was made or changed."""

    type: Literal["touchpoint.customer.profiled.v1"]
    data: CustomerProfiledData


class CustomerConsentedData(Data):
    """Consent by channel and purpose, given or withdrawn."""

    channel: Channel
    purpose: Purpose
    granted: bool


class CustomerConsented(Envelope):
    """The customer gave or withdrew consent."""

    type: Literal["touchpoint.customer.consented.v1"]
    data: CustomerConsentedData


LeaveReason = Literal["attitude", "product", "competition", "ties", "moved", "death", "other"]


class CustomerLeftData(Data):
    """``reason`` as far as it is known."""

    reason: LeaveReason = "other"


class CustomerLeft(Envelope):
    """The customer left for good."""

    type: Literal["touchpoint.customer.left.v1"]
    data: CustomerLeftData


class CustomerMergedData(Data):
    """``subject`` is the id that stays, ``merged`` the one that goes."""

    merged: Id


class CustomerMerged(Envelope):
    """Two ids turned out to be one customer."""

    type: Literal["touchpoint.customer.merged.v1"]
    data: CustomerMergedData


class CustomerAbsorbedData(Data):
    """``subject`` goes, ``into`` stays."""

    into: Id


class CustomerAbsorbed(Envelope):
    """Asks the account of the id that goes for what it holds. Written by the pipeline itself."""

    type: Literal["touchpoint.customer.absorbed.v1"]
    data: CustomerAbsorbedData


class CustomerInheritedData(Data):
    """``state`` is the account of ``merged`` as the pipeline keeps it, in base64."""

    merged: Id
    state: Annotated[str, Field(max_length=131_072, pattern=r"^[A-Za-z0-9+/=]*$")]


class CustomerInherited(Envelope):
    """The account of ``merged`` goes over to ``subject``. Written by the pipeline itself."""

    type: Literal["touchpoint.customer.inherited.v1"]
    data: CustomerInheritedData
