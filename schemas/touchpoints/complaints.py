"""Complaints: opened, handed on, resolved by the company, closed by the customer."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Contact, Count, Seconds, Share


class ComplaintOpenedData(Contact):
    """``complaint`` names the case in every later event about it."""

    complaint: Id
    severity: Annotated[int, Field(ge=1, le=5, description="1 a remark, 5 grave.")] = 3
    channel: Name | None = None


class ComplaintOpened(Envelope):
    """A customer complained."""

    type: Literal["touchpoint.complaint.opened.v1"]
    data: ComplaintOpenedData


RecoveryStep = Literal["respect", "listen", "restate", "offer", "act", "check"]
"""The six steps of a recovery: acknowledge, hear out, say it back, offer options, do, ask again."""


class ComplaintProgressedData(Contact):
    """``step`` was done; the steps before it count as done with it."""

    complaint: Id
    step: RecoveryStep


class ComplaintProgressed(Envelope):
    """A step of a complaint's recovery was done."""

    type: Literal["touchpoint.complaint.progressed.v1"]
    data: ComplaintProgressedData


class ComplaintHandedOverData(Contact):
    """From one department to another, which is what the customer feels of an organisation."""

    complaint: Id
    from_department: Name | None = None
    to_department: Name | None = None


class ComplaintHandedOver(Envelope):
    """A complaint changed hands."""

    type: Literal["touchpoint.complaint.handed_over.v1"]
    data: ComplaintHandedOverData


class ComplaintResolvedData(Contact):
    """What the company did, with the justice of it as far as known (each in [0, 1])."""

    complaint: Id
    seconds_to_resolve: Seconds | None = None
    hand_overs: Count | None = None
    outcome_justice: Share | None = None
    treatment_justice: Share | None = None
    procedure_justice: Share | None = None


class ComplaintResolved(Envelope):
    """The company holds the complaint for settled; the customer has not said so."""

    type: Literal["touchpoint.complaint.resolved.v1"]
    data: ComplaintResolvedData


class ComplaintClosedData(Contact):
    """The customer's own word: only this closes a case."""

    complaint: Id
    satisfied: bool


class ComplaintClosed(Envelope):
    """The customer said whether the matter is settled."""

    type: Literal["touchpoint.complaint.closed.v1"]
    data: ComplaintClosedData
