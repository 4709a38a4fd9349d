"""What is shown of a touch to whoever serves the customer next: how it went, not what was said."""

from typing import Final

from schemas.inbound import Event
from schemas.perception import Details
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.common import Contact

_SECONDS: Final = ("talk_seconds", "service_seconds", "seconds_to_repair", "seconds")
"""How long it took, by whichever name the family has for it."""

NOTHING: Final = Details()


def details_of(event: Event) -> Details:
    """How the touch went, as far as its family tells."""
    data = event.data
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
