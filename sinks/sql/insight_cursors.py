"""Cursors of pages whose order is not that of time alone: what the last row was ordered by."""

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from sinks.sql.pages import BadCursor, pack, unpack

A = TypeVar("A")
B = TypeVar("B")

_MAX_CURSOR_CHARACTERS: Final = 1_000


def cursor_of(*parts: datetime | float | str) -> str:
    """A cursor that holds ``parts``."""
    return pack(msgspec.json.encode(parts).decode())


def parts_of(cursor: str, kinds: tuple[type[A], type[B]]) -> tuple[A, B]:
    """What ``cursor_of`` was given, of these ``kinds``. ``BadCursor`` if it never was."""
    try:
        if len(cursor) > _MAX_CURSOR_CHARACTERS:
            raise ValueError(f"{len(cursor)} characters")
        first, second = msgspec.json.decode(unpack(cursor), type=tuple[Any, Any])
        one, other = msgspec.convert(first, kinds[0]), msgspec.convert(second, kinds[1])
        if isinstance(one, datetime) and one.tzinfo is None:
            raise ValueError(f"{one} has no zone")
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadCursor("before: not a cursor; take it from the page before, as it is") from error
    return one, other
