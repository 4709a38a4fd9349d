"""Identities: types that do not mix, and ids that are made from what caused them."""

from hashlib import sha1
from typing import Annotated, Final, NewType
from uuid import UUID

from pydantic import StringConstraints

CustomerId = NewType("CustomerId", str)
TouchId = NewType("TouchId", str)
ActionId = NewType("ActionId", str)

# No control characters: ids are Kafka keys, file lines and log fields, and engine keys start
# with NUL. 128 characters hold a UUID, a card token or a URN.
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PRINTABLE)]
# Kept in a customer's state, whose size is bounded in bytes: so one byte a character.
EventId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x20-\x7e]+$")]
Source = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=_PRINTABLE)]

# The namespace of every id this project derives: uuid5(NAMESPACE_URL, "touchpoint-pipeline").
_NAMESPACE: Final = UUID("06da6fbb-cafe-57ba-9e64-90f588dfe7e4").bytes


def action_id(action: str, customer: str, source: str, event_id: str) -> ActionId:
    """The id of an action for one customer because of one event.

    The same cause gives the same id on every engine and in every replay (RFC 9562, version 5),
    so a receiver can tell a repetition from a second action.
    """
    # NUL cannot occur in any of the parts, so no two different causes join to one name.
    name = "\x00".join((action, customer, source, event_id)).encode()
    # What uuid.uuid5 does, without its objects: it was half the cost of an alert.
    digest = bytearray(sha1(_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return ActionId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
