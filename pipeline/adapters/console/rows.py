"""Rows of the ports as what they are: the contracts' own structs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from schemas.care import CampaignReport, CareAction, CareCase, CareDecision
from schemas.dead_letter import DeadLetter
from schemas.perception import Contribution, Score



class Case(CareCase, frozen=True, kw_only=True, omit_defaults=True):
    """A case and its next clock: of the steps that are not done, the earliest due time."""

    next_due: datetime | None = None


def score_of(row: Mapping[str, object]) -> Score:
    """A score with its parts, every float as it was written."""
    return _read(row, Score)


def contributions(rows: Sequence[object]) -> list[Contribution]:
    return _read(rows, list[Contribution])


def actions(rows: Sequence[object]) -> list[CareAction]:
    return _read(rows, list[CareAction])


def decisions(rows: Sequence[object]) -> list[CareDecision]:
    return _read(rows, list[CareDecision])


def cases(rows: Sequence[object]) -> list[Case]:
    return _read(rows, list[Case])


def dead_letters(rows: Sequence[object]) -> list[DeadLetter]:
    return _read(rows, list[DeadLetter])


def reports(rows: Sequence[object]) -> list[CampaignReport]:
    return _read(rows, list[CampaignReport])


def _read(rows: object, kind: Any) -> Any:
    """Through JSON, as any other reader: a row may be a struct or a mapping with more in it."""
    return msgspec.json.decode(msgspec.json.encode(rows), type=kind)
