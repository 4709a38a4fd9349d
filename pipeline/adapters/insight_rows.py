"""What insights need from a store: counts and sums of what was written, without any judgement."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from schemas.insight_rows import (
    ActionSums,
    Affected,
    Arm,
    CaredFor,
    Departure,
    FallRow,
    Sums,
)
from schemas.insights import SilentCustomer

T_co = TypeVar("T_co", covariant=True)


class Rows(Protocol[T_co]):
    """Rows of a page, and the cursor of the next; ``None`` if this was the last one."""

    @property
    def items(self) -> Sequence[T_co]: ...
    @property
    def next(self) -> str | None: ...


class InsightRows(Protocol):
    """What a store counts and sums; spans are ``since <= time < until``.

    ``axis`` is one of the roll-ups. A ``ValueError`` says that ``before`` is no cursor.
    """

    def sums(
        self, axis: str, *, since: datetime, until: datetime, dimension: str | None = None
    ) -> Sequence[Sums]: ...

    def curve_sums(
        self,
        axis: str,
        *,
        grain: str,
        since: datetime,
        until: datetime,
        values: Collection[str] | None = None,
        dimensions: Collection[str] | None = None,
    ) -> Sequence[Sums]: ...

    def falls(self, limit: int, *, since: datetime, before: str | None) -> Rows[FallRow]: ...

    def affected(self, *, since: datetime, until: datetime) -> Sequence[Affected]: ...

    def silent(
        self, touchpoint: str, dimension: str, limit: int, *, since: datetime, before: str | None
    ) -> Rows[SilentCustomer]: ...

    def departures(self, *, since: datetime, until: datetime) -> Sequence[Departure]: ...

    def actions(self, *, since: datetime, until: datetime) -> Sequence[ActionSums]: ...

    def arms(self, *, since: datetime, until: datetime, read_at: datetime) -> Sequence[Arm]: ...

    def cared_for(self, *, since: datetime, until: datetime) -> Sequence[CaredFor]: ...
