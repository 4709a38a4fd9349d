"""Rows of the ports as what they are: the contracts' own structs."""

from datetime import datetime
from typing import TypeVar

import msgspec

from schemas.care import CareCase

T = TypeVar("T")


class Case(CareCase, frozen=True, kw_only=True, omit_defaults=True):
    """A case and its next clock: of the steps that are not done, the earliest due time."""

    next_due: datetime | None = None


def read_as(rows: object, kind: type[T]) -> T:
    """``rows`` as ``kind``, every float as it was written.

    Through JSON, as any other reader: a row may be a struct or a mapping with more in it.
    """
    return msgspec.json.decode(msgspec.json.encode(rows), type=kind)
