"""Calls: by phone, in or out, answered or given up."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Contact, Count, Seconds


class CallCompletedData(Contact):
    """One call. Seconds are of real time; an abandoned call waited at least ``wait_seconds``."""

    direction: Literal["inbound", "outbound"] = "inbound"
    wait_seconds: Annotated[Seconds, Field(description="Ringing and queue, without IVR.")] = 0.0
    promised_wait_seconds: Annotated[
        Seconds | None, Field(description="What the customer was told or may expect.")
    ] = None
    abandoned: bool = False
    ivr_path: tuple[Name, ...] = Field(default=(), max_length=32)
    ivr_steps: Count | None = None
    ivr_seconds: Seconds | None = None
    talk_seconds: Seconds = 0.0
    transfers: Count = 0

    @property
    def settled(self) -> bool | None:
        """Whether the matter was settled: who gives up waiting has settled nothing."""
        return False if self.abandoned else self.resolved

    @property
    def proactive(self) -> bool:
        """Whether the company sought the contact: it called, and not at the customer's wish."""
        return self.direction == "outbound" and self.intent == "none"


class CallCompleted(Envelope):
    """A call has ended."""

    type: Literal["touchpoint.call.completed.v1"]
    data: CallCompletedData
