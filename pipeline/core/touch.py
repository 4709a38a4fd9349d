"""What every rule wants to know of an event, whatever family it is of."""

from typing import Final, NamedTuple, get_args

from schemas.inbound import Event
from schemas.touchpoints.common import Contact, Intent
from schemas.touchpoints.messages import MessageData


class Touch(NamedTuple):
    """The common side of an event.

    ``intensity`` in (0, 1]; ``resolved``: the event says that the matter is settled; ``unasked``:
    the company sought the contact without being asked or obliged.
    """

    intent: Intent
    intensity: float
    resolved: bool
    unasked: bool


_PLAIN: Final = Touch("none", 1.0, False, False)

# Looked up by type: isinstance() of a pydantic model costs more than all the rest here.
_DATA: Final[tuple[type, ...]] = tuple(
    model.model_fields["data"].annotation for model in get_args(Event)
)
_CONTACTS: Final = frozenset(data for data in _DATA if issubclass(data, Contact))
_MESSAGES: Final = frozenset(data for data in _DATA if issubclass(data, MessageData))


def touch_of(event: Event) -> Touch:
    """The common side of ``event``; families that are no contact have the plain one."""
    data = event.data
    kind = type(data)
    if kind not in _CONTACTS:
        return _PLAIN
    contact: Contact = data  # type: ignore[assignment]
    unasked = kind in _MESSAGES and data.proactive  # type: ignore[union-attr]
    return Touch(contact.intent, contact.intensity, contact.resolved is True, unasked)
