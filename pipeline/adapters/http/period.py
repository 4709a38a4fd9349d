"""The time that a question is about: the last hours, or from one moment to another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple

from fastapi import Query
from pydantic import AwareDatetime

from pipeline.adapters.http.problems import parameter_problem

DEFAULT_HOURS: Final = 168
"""A week: every day of it is there once."""

_MOST_HOURS: Final = 8_784
"""A leap year."""

_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2200
"""What is compared with a period, and its buckets, lie within the calendar then, too."""

Clock = Callable[[], int]
"""Milliseconds since 1970."""

Since = Annotated[AwareDatetime | None, Query(description="From then on, RFC 3339.")]
Until = Annotated[AwareDatetime | None, Query(description="Before then, RFC 3339.")]
Hours = Annotated[
    int | None,
    Query(
        ge=1,
        le=_MOST_HOURS,
        description=f"So long before `until`; {DEFAULT_HOURS} without `since`.",
    ),
]


class Period(NamedTuple):
    """``since`` is in it, ``until`` is not; both in UTC."""

    since: datetime
    until: datetime


def moment_of(clock: Clock) -> datetime:
    """What time it is."""
    return datetime.fromtimestamp(clock() / 1000, UTC)


def in_utc(name: str, time: datetime | None) -> datetime | None:
    """The same time in UTC. Raises ``ProblemError`` that names the parameter ``name``."""
    if time is None:
        return None
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise parameter_problem(name, "no year of the calendar") from None


def period_of(
    hours: int | None, since: datetime | None, until: datetime | None, *, now: datetime
) -> Period:
    """The period that the parameters mean. Raises ``ProblemError`` that names the wrong one."""
    if hours is not None and since is not None:
        raise parameter_problem("hours", "give either `hours` or `since`, not both")
    end = in_utc("until", until) or now
    begin = in_utc("since", since)
    if begin is None:
        try:
            begin = end - timedelta(hours=DEFAULT_HOURS if hours is None else hours)
        except OverflowError:
            raise parameter_problem("until", "the period would begin before the calendar") from None
    for name, time in (("since", begin), ("until", end)):
        if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
            raise parameter_problem(
                name, f"the years {_FIRST_YEAR} to {_LAST_YEAR} can be asked for"
            )
    if begin >= end:
        raise parameter_problem("since", "must be before `until`, which is now unless given")
    return Period(begin, end)


def span_of(
    since: datetime | None, until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Both in UTC, for a list that may be open on either side. Raises ``ProblemError``."""
    begin, end = in_utc("since", since), in_utc("until", until)
    if begin is not None and end is not None and begin >= end:
        raise parameter_problem("since", "must be before `until`")
    return begin, end
