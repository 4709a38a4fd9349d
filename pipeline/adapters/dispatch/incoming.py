"""Reads an action as somebody wrote it: what cannot be carried out is refused with its reason."""

from typing import Final, NamedTuple

import msgspec

from schemas.care import CareAction
from schemas.dead_letter import Reason

_DECODE: Final = msgspec.json.Decoder(CareAction).decode
_ID_CHARACTERS: Final = 128


class Unreadable(NamedTuple):
    """No action; ``detail`` quotes none of it."""

    reason: Reason
    detail: str


def read_action(value: bytes | None) -> CareAction | Unreadable:
    """The action that these bytes are."""
    if not value:
        return Unreadable(Reason.EMPTY, "the record has no value")
    try:
        action = _DECODE(value)
    except msgspec.ValidationError as error:
        return Unreadable(Reason.INVALID_FIELD, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(Reason.BROKEN_JSON, f"not JSON: {error}")
    for name in ("id", "customer"):
        text = getattr(action, name)
        if not text or len(text) > _ID_CHARACTERS or not text.isprintable():
            what = f"{name} must be 1 to {_ID_CHARACTERS} printable characters"
            return Unreadable(Reason.INVALID_FIELD, what)
    for name in ("decided_at", "expires_at"):
        time = getattr(action, name)
        if time is not None and time.tzinfo is None:
            return Unreadable(Reason.INVALID_FIELD, f"{name} has no zone")
    return action
