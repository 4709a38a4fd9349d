"""Messages: SMS, e-mail, push, chat, social media."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Channel, Contact, Seconds


class MessageData(Contact):
    """One message. ``about`` is the id of the event or action that it answers."""

    channel: Channel
    direction: Literal["inbound", "outbound"] = "outbound"
    purpose: Literal["alert", "reply", "notice", "care", "marketing", "other"] = "other"
    about: Id | None = None
    action: Annotated[
        Name | None,
        Field(description="The name of the action that it carries out, whose id is `about`."),
    ] = None
    delay_seconds: Annotated[
        Seconds | None, Field(description="From what it is about to its arrival.")
    ] = None

    @property
    def proactive(self) -> bool:
        """Whether the company sought the contact: neither asked for nor required."""
        return self.direction == "outbound" and self.purpose in ("notice", "care", "marketing")


class MessageSent(Envelope):
    """A message left; whether it arrived is not known yet."""

    type: Literal["touchpoint.message.sent.v1"]
    data: MessageData


class MessageDelivered(Envelope):
    """A message reached the customer."""

    type: Literal["touchpoint.message.delivered.v1"]
    data: MessageData


class MessageFailed(Envelope):
    """A message did not reach the customer."""

    type: Literal["touchpoint.message.failed.v1"]
    data: MessageData
