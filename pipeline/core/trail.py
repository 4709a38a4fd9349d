"""What is shown of a touch to whoever serves the customer next: how it went, not what was said."""

from typing import Final

from schemas.inbound import Event
from schemas.perception import Details
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.common import Contact
from schemas.touchpoints.customers import CustomerLeftData

_SECONDS: Final = ("talk_seconds", "service_seconds", "seconds_to_repair", "seconds")
"""How long it took, by whichever name the family has for it."""

NOTHING: Final = Details()


def details_of(event: Event) -> Details:
    """How the touch went, as far as its family tells."""
    data = event.data
    if type(data) is CustomerLeftData:
        return _left(data)
    if not isinstance(data, Contact):
        return NOTHING
    known = getattr  # every family has some of these
    seconds = next((s for name in _SECONDS if (s := known(data, name, None))), None)
    path: tuple[str, ...] = ()
    ivr_seconds = None
    transfers = 0
    if type(data) is CallCompletedData:
        path, ivr_seconds, transfers = data.ivr_path, data.ivr_seconds, data.transfers
    found = Details(
        direction=known(data, "direction", None),
        wait_seconds=known(data, "wait_seconds", None) or None,
        seconds=seconds,
        ivr_path=path,
        ivr_seconds=ivr_seconds,
        transfers=transfers,
        abandoned=bool(known(data, "abandoned", False)),
        resolved=data.resolved,
        about=known(data, "about", None),
    )
    return NOTHING if found == NOTHING else found


def _left(data: CustomerLeftData) -> Details:
    # Nobody told `other` where it only stands for a reason that is absent.
    return Details(reason=data.reason) if "reason" in data.model_fields_set else NOTHING
