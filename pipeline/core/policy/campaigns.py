"""What many customers compete for, as the policy says it: gifts in stock, a day's call backs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, field_validator, model_validator

from pipeline.core.policy.constants import Key, NotNegative, Positive, Section, Share
from schemas.touchpoints.common import Money

UNITS: Final = 10_000
"""Money is counted in whole ten-thousandths of the policy's currency: sums then have no order."""

Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class CampaignPolicy(Section):
    """One campaign: from ``opens`` to ``closes``, or with ``every_seconds`` a standing pool.

    A campaign decides once, ``settle_seconds`` after ``closes``, when all who were put forward
    are known; a pool at the end of each window of ``every_seconds``. After ``not_after`` the gift
    has no meaning. ``budget`` and ``stock`` are for all of it, ``capacity_per_day`` (actions) and
    ``budget_per_day`` for a day in ``zone``; what a day has no room for waits for the next one.
    ``lanes`` keep a share of each of these for a tier. With ``cohorts: whole`` peers who compare
    are served together or not at all. ``gift`` is what is given.
    """

    opens: AwareDatetime | None = None
    closes: AwareDatetime | None = None
    every_seconds: Annotated[float, Field(ge=1, le=30 * 86_400)] | None = None
    settle_seconds: NotNegative = 60.0
    not_after: AwareDatetime | None = None
    budget: Money | None = None
    budget_per_day: Money | None = None
    capacity_per_day: Count | None = None
    stock: Count | None = None
    cohorts: Literal["whole", "single"] = "whole"
    lanes: dict[Key, Share] = Field(default_factory=dict)
    zone: Annotated[str, Field(max_length=64)] = "UTC"
    largest_members: Annotated[int, Field(ge=1, le=100_000)] = 100_000
    shown_within_hours: Annotated[
        Positive, Field(description="So long after the first of a cohort all have their gift.")
    ] = 24.0
    gift: Annotated[str, Field(min_length=1, max_length=64)] | None = None

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no IANA time zone such as Asia/Shanghai") from None
        return zone

    @model_validator(mode="after")
    def _has_an_end(self) -> "CampaignPolicy":
        if (self.closes is None) == (self.every_seconds is None):
            raise ValueError("say when it `closes`, or of a standing pool `every_seconds`")
        if self.every_seconds is not None and self.opens is not None:
            raise ValueError("a standing pool with `every_seconds` does not open")
        if self.closes is not None and self.opens is not None and self.opens >= self.closes:
            raise ValueError("`opens` must be before `closes`")
        if self.closes is not None and self.not_after is not None:
            decided = self.closes + timedelta(seconds=self.settle_seconds)
            if self.not_after <= decided:
                raise ValueError("`not_after` must be later than `closes` and settle_seconds")
        if sum(self.lanes.values()) > 1.0 + 1e-9:
            raise ValueError("the shares in `lanes` sum to more than 1")
        return self


class CampaignRule(NamedTuple):
    """A campaign's section ready for use: times in seconds since 1970, money in ``UNITS``."""

    name: str
    gift: str
    opens_s: float | None
    closes_s: float | None
    every_s: float | None
    settle_s: float
    not_after_s: float | None
    budget: int | None
    budget_per_day: int | None
    capacity_per_day: int | None
    stock: int | None
    whole: bool
    lanes: Mapping[str, float]
    zone: ZoneInfo
    largest_members: int
    shown_s: float

    def day_of(self, at_s: float) -> int:
        """The campaign's day as a number that grows by one each day."""
        return datetime.fromtimestamp(at_s, self.zone).toordinal()

    def day_after_s(self, at_s: float) -> float:
        """When the next day begins where the campaign is."""
        day = datetime.fromtimestamp(at_s, self.zone).date() + timedelta(days=1)
        begins = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return begins.astimezone(UTC).timestamp()

    def window_after_s(self, at_s: float) -> float:
        """The first end of a window later than ``at_s``; of no pool, the next day."""
        if self.every_s is None:
            return self.day_after_s(at_s)
        return (at_s // self.every_s + 1.0) * self.every_s


def units(money: float) -> int:
    """Money in whole ``UNITS``, to the nearest."""
    return round(money * UNITS)


def campaign_rules(campaigns: Mapping[str, CampaignPolicy]) -> dict[str, CampaignRule]:
    """Every campaign by name."""
    return {name: _rule(name, given) for name, given in campaigns.items()}


def _rule(name: str, given: CampaignPolicy) -> CampaignRule:
    return CampaignRule(
        name=name,
        gift=given.gift or name,
        opens_s=_seconds(given.opens),
        closes_s=_seconds(given.closes),
        every_s=given.every_seconds,
        settle_s=given.settle_seconds,
        not_after_s=_seconds(given.not_after),
        budget=_units(given.budget),
        budget_per_day=_units(given.budget_per_day),
        capacity_per_day=given.capacity_per_day,
        stock=given.stock,
        whole=given.cohorts == "whole",
        lanes=dict(sorted(given.lanes.items())),
        zone=ZoneInfo(given.zone),
        largest_members=given.largest_members,
        shown_s=given.shown_within_hours * 3_600.0,
    )


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _units(money: float | None) -> int | None:
    return None if money is None else units(money)
