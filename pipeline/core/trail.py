"""What is shown of a touch to whoever serves the customer next: how it went, not what was said."""

from typing import Final

from pipeline.core.touch import CONTACTS
from schemas.inbound import Event
from schemas.perception import Details
from schemas.touchpoints.customers import CustomerLeftData

_SECONDS: Final = ("talk_seconds", "service_seconds", "seconds_to_repair", "seconds")
"""How long it took, by whichever name the family has for it."""

_NOTHING: Final = Details()


def details_of(event: Event) -> Details | None:
    """How the touch went, as far as its family tells; ``None`` if that is nothing."""
    data = event.data
    if type(data) is CustomerLeftData:
        # Nobody told `other` where it only stands for a reason that is absent.
        return Details(reason=data.reason) if "reason" in data.model_fields_set else None
    if type(data) not in CONTACTS:
        return None
    found = Details(
        direction=getattr(data, "direction", None),
        wait_seconds=getattr(data, "wait_seconds", None) or None,
        seconds=next((s for name in _SECONDS if (s := getattr(data, name, None))), None),
        ivr_path=getattr(data, "ivr_path", ()),
        ivr_seconds=getattr(data, "ivr_seconds", None),
        transfers=getattr(data, "transfers", 0),
        abandoned=getattr(data, "abandoned", False),
        resolved=getattr(data, "resolved", None),
        about=getattr(data, "about", None),
    )
    return None if found == _NOTHING else found
