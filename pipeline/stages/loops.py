"""What one customer's account tells another's, as events on the log of touches."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final

import msgspec

from pipeline.core.customer import Customer
from pipeline.core.merge import Absorb, Forward, Loop
from pipeline.engine.ports import Output
from schemas.ids import action_id
from schemas.inbound import Event
from schemas.topics import EVENTS

SOURCE: Final = "urn:touchpoint:pipeline"
_ABSORBED: Final = "touchpoint.customer.absorbed.v1"
_INHERITED: Final = "touchpoint.customer.inherited.v1"
_ENCODE: Final = msgspec.json.Encoder().encode


def loop_output(loop: Loop, pack: Callable[[Customer], bytes]) -> Output:
    """The record that carries ``loop``; the same cause gives the same id."""
    if isinstance(loop, Forward):
        event, stays = loop.event, loop.stays
        moved = event.model_copy(update={"subject": stays, "hops": event.hops + 1})
        value = moved.model_dump_json(exclude_unset=True).encode()
        return Output(EVENTS, stays.encode(), value)
    if isinstance(loop, Absorb):
        return _made(_ABSORBED, loop.goes, loop.event, {"into": loop.stays})
    state = b64encode(pack(loop.account)).decode()
    return _made(_INHERITED, loop.stays, loop.event, {"merged": loop.goes, "state": state})


def inherited_state(text: str) -> bytes:
    """The packed account in an event ``customer.inherited``. Raises ``ValueError``."""
    return b64decode(text, validate=True)


def _made(type_name: str, subject: str, cause: Event, data: dict[str, str]) -> Output:
    event = {
        "specversion": "1.0",
        "id": action_id(type_name, subject, cause.source, cause.id),
        "source": SOURCE,
        "type": type_name,
        "subject": subject,
        "time": cause.time.isoformat(),
        "data": data,
    }
    return Output(EVENTS, subject.encode(), _ENCODE(event))
