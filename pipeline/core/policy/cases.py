"""Cases with clocks as the policy file says them, and multiplied out for the hot path."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple, Self, get_args

from pydantic import Field, field_validator, model_validator

from pipeline.core.cases.calendar import ALWAYS, Calendar, Opening
from pipeline.core.policy.constants import (
    Key,
    NotNegative,
    PositiveConstant,
    Section,
    ShareConstant,
)
from schemas.touchpoints.complaints import RecoveryStep

OPEN: Final = "always"
"""The calendar that every policy knows: day and night."""

STEPS: Final[tuple[str, ...]] = get_args(RecoveryStep)
"""The steps of a recovery, in their order."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_DAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
_WORDS: Final = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"

Hours = Annotated[float, Field(gt=0, le=2_000)]
Between = Annotated[str, Field(pattern=_WORDS, description="As 09:00-18:00, at most to 24:00.")]


class HolidayPolicy(Section):
    """Whose public holidays are kept, by ISO 3166 codes."""

    country: Annotated[str, Field(pattern="^[A-Z]{2,3}$")]
    subdivision: Annotated[str, Field(max_length=32)] | None = None


class CalendarPolicy(Section):
    """When work is done: by the clock of ``zone``, an IANA name or ``customer``.

    For customers whose zone is not known it is ``home``. Without ``hours`` every day is open day
    and night; a weekday that ``hours`` does not name is closed.
    """

    zone: Annotated[str, Field(max_length=32)] = "UTC"
    home: Annotated[str, Field(max_length=32)] = "UTC"
    hours: dict[Weekday, tuple[Between, ...]] | (None) = None
    holidays: HolidayPolicy | None = None

    @field_validator("hours")
    @classmethod
    def _in_order(cls, hours: dict[str, tuple[str, ...]] | None) -> dict[str, tuple[str, ...]] | (
        None
    ):
        if hours is not None and not any(hours.values()):
            raise ValueError("a calendar must be open on some day")
        for day, openings in (hours or {}).items():
            ends = 0
            for begins, until in map(_opening, openings):
                if not ends <= begins < until:
                    raise ValueError(f"{day}: openings must follow each other and end later")
                ends = until
        return hours

    def calendar(self) -> Calendar:
        """The calendar itself."""
        hours = ALWAYS.hours
        if self.hours is not None:
            hours = tuple(tuple(map(_opening, self.hours.get(day, ()))) for day in _DAYS)
        kept, own = self.holidays, self.zone == "customer"
        return Calendar(
            zone=self.home if own else self.zone,
            hours=hours,
            country=kept.country if kept else None,
            subdivision=kept.subdivision if kept else None,
            customers=own,
        )


def _opening(between: str) -> Opening:
    begins, ends = (
        60 * int(hour) + int(minute)
        for hour, minute in (part.split(":") for part in between.split("-"))
    )
    return begins, ends


class StepPolicy(Section):
    """The clock of one step of a complaint's recovery: hours for everybody, or by tier.

    A tier without hours has those of the default tier, or else the longest.
    """

    name: RecoveryStep
    within_hours: Hours | Annotated[dict[Key, Hours], Field(min_length=1)]
    calendar: Key | None = None


class ComplaintClocks(Section):
    """The steps of a recovery that have a clock, in their order."""

    calendar: Key = OPEN
    steps: Annotated[tuple[StepPolicy, ...], Field(min_length=1)]

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[StepPolicy, ...]) -> tuple[StepPolicy, ...]:
        places = [STEPS.index(step.name) for step in steps]
        if places != sorted(set(places)):
            raise ValueError(f"each step at most once, in this order: {', '.join(STEPS)}")
        return steps


class RepairClock(Section):
    """The clock of a repair; without ``line`` or ``tier`` for each of them."""

    line: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    tier: Key | None = None
    within_hours: Hours
    calendar: Key = OPEN


class RepairClocks(Section):
    """Clocks of repairs: the first that fits counts. A repair that none fits has no clock."""

    clocks: Annotated[tuple[RepairClock, ...], Field(min_length=1)]


class CasePolicy(Section):
    """Clocks of complaints and repairs; without a section of theirs they have none.

    Times are told by the customer's clock, where its zone is not known by that of ``zone``. A clock
    is judged ``lateness_seconds`` after its time, when late events have come. After
    ``warn_share`` of it there is a warning. Each time it runs out a case goes up one of
    ``levels``, the first of which has it from the start. A contact on the topic within
    ``reopen_within_hours`` of its end opens a case again.
    """

    zone: Annotated[str, Field(max_length=32)] = "UTC"
    lateness_seconds: Annotated[NotNegative, Field(le=7 * 86_400)] = 300.0
    warn_share: ShareConstant
    reopen_within_hours: PositiveConstant
    levels: Annotated[tuple[Key, ...], Field(min_length=1, max_length=8)]
    complaint: ComplaintClocks | None = None
    repair: RepairClocks | None = None

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("levels must differ")
        return self


class StepRule(NamedTuple):
    """A step of a recovery: its place among ``STEPS``, and its hours by tier."""

    step: int
    hours: Mapping[str, float]
    calendar: Calendar


class ClockRule(NamedTuple):
    """A repair's clock; ``None`` fits everything."""

    line: str | None
    tier: str | None
    hours: float
    calendar: Calendar


class CaseRules(NamedTuple):
    """Everything about cases, multiplied out."""

    zone: str
    lateness_s: float
    warn_share: float
    reopen_s: float
    levels: tuple[str, ...]
    steps: tuple[StepRule, ...]
    clocks: tuple[ClockRule, ...]

    def clock_of(self, line: str | None, tier: str) -> ClockRule | None:
        """The first clock that fits a repair."""
        for rule in self.clocks:
            if rule.line in (None, line) and rule.tier in (None, tier):
                return rule
        return None


def case_rules(
    given: CasePolicy | None,
    calendars: Mapping[str, CalendarPolicy],
    tiers: tuple[str, ...],
    default_tier: str,
) -> CaseRules | None:
    """The rules of a checked section; ``None`` if cases are not followed."""
    if given is None:
        return None
    known = {OPEN: ALWAYS} | {name: each.calendar() for name, each in calendars.items()}
    clocks = () if given.repair is None else given.repair.clocks
    return CaseRules(
        zone=given.zone,
        lateness_s=given.lateness_seconds,
        warn_share=given.warn_share.value,
        reopen_s=given.reopen_within_hours.value * 3_600.0,
        levels=given.levels,
        steps=tuple(_steps(given.complaint, known, tiers, default_tier)),
        clocks=tuple(
            ClockRule(each.line, each.tier, each.within_hours, known[each.calendar])
            for each in clocks
        ),
    )


def _steps(
    given: ComplaintClocks | None,
    known: Mapping[str, Calendar],
    tiers: tuple[str, ...],
    default_tier: str,
) -> Iterator[StepRule]:
    for each in () if given is None else given.steps:
        assert given is not None  # noqa: S101 - there are no steps without it
        within = each.within_hours
        if isinstance(within, dict):
            usual = within.get(default_tier, max(within.values()))
            hours = {tier: within.get(tier, usual) for tier in tiers}
        else:
            hours = dict.fromkeys(tiers, within)
        yield StepRule(STEPS.index(each.name), hours, known[each.calendar or given.calendar])
