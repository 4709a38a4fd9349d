"""What every rule wants to know of an event, whatever family it is of."""

from typing import Final, NamedTuple, get_args

from schemas.inbound import Event
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.common import Contact, Intent
from schemas.touchpoints.complaints import ComplaintOpenedData
from schemas.touchpoints.digital import DigitalUsedData
from schemas.touchpoints.messages import MessageData
from schemas.touchpoints.repairs import RepairOpenedData
from schemas.touchpoints.visits import VisitCompletedData


class Touch(NamedTuple):
    """The common side of an event.

    ``intensity`` in (0, 1]; ``resolved``: the event says that the matter ``topic`` is settled;
    ``unasked``: the company sought the contact without being asked or obliged, on ``channel``
    (``None``: that of the touchpoint); ``inbound``: the customer sought it; ``complaint``: the
    customer complained.
    """

    intent: Intent
    intensity: float
    resolved: bool
    unasked: bool
    inbound: bool
    complaint: bool
    topic: str | None
    channel: str | None


_PLAIN: Final = Touch("none", 1.0, False, False, False, False, None, None)

# Looked up by type: isinstance() of a pydantic model costs more than all the rest here.
CONTACTS: Final = frozenset(
    model.model_fields["data"].annotation
    for model in get_args(Event)
    if issubclass(model.model_fields["data"].annotation, Contact)
)
"""The data of families that are contacts."""

_DIRECTED: Final = frozenset((CallCompletedData, MessageData))
_SOUGHT: Final = frozenset(
    (ComplaintOpenedData, DigitalUsedData, RepairOpenedData, VisitCompletedData)
)


def touch_of(event: Event) -> Touch:
    """The common side of ``event``; families that are no contact have the plain one."""
    data = event.data
    kind = type(data)
    if kind not in CONTACTS:
        return _PLAIN
    contact: Contact = data  # type: ignore[assignment]
    unasked, channel, inbound = False, None, kind in _SOUGHT
    if kind in _DIRECTED:
        inbound = data.direction == "inbound"  # type: ignore[union-attr]
        unasked = data.proactive  # type: ignore[union-attr]
        if kind is MessageData:
            channel = data.channel  # type: ignore[union-attr]
    return Touch(
        contact.intent,
        contact.intensity,
        contact.resolved is True,
        unasked,
        inbound,
        kind is ComplaintOpenedData or (inbound and contact.intent == "complaint"),
        contact.topic,
        channel,
    )
