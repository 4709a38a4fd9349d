"""Repairs and other orders with a clock."""

from typing import Literal

from pydantic import AwareDatetime

from schemas.envelope import Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Contact, Seconds


class RepairOpenedData(Contact):
    """``repair`` names the order; ``line`` the business line whose clock applies."""

    repair: Id
    line: Name | None = None
    due: AwareDatetime | None = None


class RepairOpened(Envelope):
    """A fault was taken up."""

    type: Literal["touchpoint.repair.opened.v1"]
    data: RepairOpenedData


class RepairCompletedData(Contact):
    """What came of it."""

    repair: Id
    line: Name | None = None
    seconds_to_repair: Seconds | None = None
    promised_seconds: Seconds | None = None


class RepairCompleted(Envelope):
    """The repair has ended; ``resolved`` says whether the fault is gone."""

    type: Literal["touchpoint.repair.completed.v1"]
    data: RepairCompletedData
