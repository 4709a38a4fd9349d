"""Care that came to something: what was done, by the pipeline or by staff on their own."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Data, Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Channel, Contact, Money, Seconds

Verdict = Literal["allocated", "not_funded"]
Settlement = Literal["done", "failed", "suppressed", "expired"]


class CareDecidedData(Data):
    """``proposal`` is the id that the proposal and the action have in common."""

    proposal: Id
    campaign: Name
    verdict: Verdict
    reason: Name
    detail: Annotated[str, Field(max_length=512)] = ""


class CareDecided(Envelope):
    """A campaign gave its verdict on a proposal. Written by the pipeline itself."""

    type: Literal["touchpoint.care.decided.v1"]
    data: CareDecidedData


class CareSettledData(Data):
    """``action`` is the action's id. A message that was done or failed is told as a message."""

    action: Id
    name: Name
    channel: Channel | Literal["staff", "none"]
    result: Settlement
    detail: Annotated[str, Field(max_length=512)] = ""
    delay_seconds: Annotated[
        Seconds | None, Field(description="From what caused the action to its end.")
    ] = None
    cost: Money | None = None


class CareSettled(Envelope):
    """An action has ended, one way or the other."""

    type: Literal["touchpoint.care.settled.v1"]
    data: CareSettledData


class StaffCaredData(Contact):
    """``care`` names what was done, as staff would name it again; ``because`` what for."""

    care: Name
    because: Name | None = None
    channel: Channel | None = None
    cost: Money | None = None


class StaffCared(Envelope):
    """Somebody did something for a customer that no rule asked for."""

    type: Literal["touchpoint.staff.cared.v1"]
    data: StaffCaredData
