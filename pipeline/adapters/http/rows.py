"""Rows of the ports as what they are: the contracts' own structs."""

from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from schemas.care import CareAction, CareCase, CareDecision
from schemas.dead_letter import DeadLetter

T = TypeVar("T")


class Case(CareCase, frozen=True, kw_only=True, omit_defaults=True):
    """A case and its next clock: of the steps that are not done, the earliest due time."""

    next_due: datetime | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A proposal, or the ``action`` that it became, that waits for a person ``since`` a time.

    It needs ``approval``, or was ``held`` ``by`` somebody for a ``reason``. ``latest`` is the last
    step of its life so far.
    """

    id: str
    why: Literal["approval", "held"]
    since: datetime
    latest: CareDecision
    by: str = ""
    reason: str = ""
    action: CareAction | None = None


class Letter(DeadLetter, frozen=True, kw_only=True):
    """A dead letter as the store keeps it: ``id`` names it there."""

    id: int
    redriven_at: datetime | None = None
    redriven_by: str | None = None


def read_as(rows: object, kind: type[T]) -> T:
    """``rows`` as ``kind``, every float as it was written.

    Through JSON, as any other reader: a row may be a struct or a mapping with more in it.
    """
    return msgspec.json.decode(msgspec.json.encode(rows), type=kind)
