"""Working time: when so many business hours have passed, whatever days, zones and clocks do.

A calendar says which minutes of a wall clock are working time. An hour that is lost or doubled
when the clocks change is lost or doubled in working time, too. Holidays are closed; a weekend day
that a country works in exchange for another has the hours of the first weekday that has any.
"""

from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from math import floor
from typing import Final, NamedTuple

from holidays import country_holidays

from pipeline.core.zones import zone_of

DAY_S: Final = 86_400
_MINUTE_S: Final = 60
_FIRST_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MOST_CLOSED_DAYS: Final = 1_500
"""After four years without an open minute the hours of the clock are counted."""

Opening = tuple[int, int]
"""From a minute of the day, included, to one, excluded; 24 h is 1440."""
Spell = tuple[int, int]
"""A stretch of working time, in seconds since 1970."""


class Calendar(NamedTuple):
    """When work is done. ``hours`` has the openings of each weekday, Monday first.

    ``zone`` is an IANA name; with ``customers`` it is that of customers whose own is not known.
    ``country`` and ``subdivision`` are those whose holidays are kept, by their ISO 3166 codes.
    """

    zone: str = "UTC"
    hours: tuple[tuple[Opening, ...], ...] = (((0, 1_440),),) * 7
    country: str | None = None
    subdivision: str | None = None
    customers: bool = False

    @property
    def always(self) -> bool:
        """Whether every minute is working time."""
        return self.country is None and self.hours == ALWAYS.hours

    def of(self, time_zone: str | None) -> "Calendar":
        """The calendar of a customer in ``time_zone``."""
        if not self.customers:
            return self
        known = time_zone is not None and zone_of(time_zone) is not None
        zone = time_zone if known and time_zone is not None else self.zone
        return self._replace(zone=zone, customers=False)


ALWAYS: Final = Calendar()
"""Open day and night."""


def after(calendar: Calendar, start_s: float, hours: float) -> float:
    """When ``hours`` of working time have passed since ``start_s``, in seconds since 1970.

    Work that fills an opening is due at its end, not at the next beginning, so that
    ``after(after(start, a), b) == after(start, a + b)``. Later starts and more hours never are due
    earlier.
    """
    left = hours * 3_600.0
    if calendar.always or left <= 0.0:
        return start_s + left
    day, closed = floor(start_s / DAY_S), 0
    while closed < _MOST_CLOSED_DAYS:
        spells = spells_of(calendar, day)
        for begins_s, ends_s in spells:
            from_s = max(float(begins_s), start_s)
            if from_s + left <= ends_s:
                return from_s + left
            left -= max(ends_s - from_s, 0.0)
        closed = 0 if spells else closed + 1
        day += 1
    return max(start_s, float(day * DAY_S)) + left


@lru_cache(maxsize=16_384)
def spells_of(calendar: Calendar, day: int) -> tuple[Spell, ...]:
    """The working time of a day of UTC, counted from 1970, in order."""
    zone = zone_of(calendar.zone) or UTC
    found: list[Spell] = []
    for begins_s, ends_s, offset_s in _offsets(zone, day * DAY_S, (day + 1) * DAY_S):
        first, last = (begins_s + offset_s) // DAY_S, (ends_s + offset_s - 1) // DAY_S
        for local in range(first, last + 1):
            for opens, closes in _openings(calendar, local):
                midnight_s = local * DAY_S - offset_s
                spell = (
                    max(midnight_s + opens * _MINUTE_S, begins_s),
                    min(midnight_s + closes * _MINUTE_S, ends_s),
                )
                if spell[0] < spell[1]:
                    found.append(spell)
    return tuple(found)


def _openings(calendar: Calendar, local: int) -> tuple[Opening, ...]:
    """The openings of a local day, counted from 1970."""
    day = date.fromordinal(_FIRST_ORDINAL + local)
    hours = calendar.hours
    if calendar.country is None:
        return hours[day.weekday()]
    free, worked = holidays_of(calendar.country, calendar.subdivision, day.year)
    if day in free:
        return ()
    if day in worked and not hours[day.weekday()]:
        return next((openings for openings in hours if openings), ())
    return hours[day.weekday()]


@lru_cache(maxsize=2_048)
def holidays_of(
    country: str, subdivision: str | None, year: int
) -> tuple[frozenset[date], frozenset[date]]:
    """The holidays of a year, and its weekend days that are worked in exchange for another.

    Raises ``NotImplementedError`` for a country or subdivision that is not known.
    """
    found = country_holidays(country, subdiv=subdivision, years=year, expand=False)
    # The table of worked days is of every year in which a holiday was moved.
    return frozenset(found), frozenset(found.weekend_workdays)


def _offsets(zone: tzinfo, begins_s: int, ends_s: int) -> list[tuple[int, int, int]]:
    """The stretches of ``[begins_s, ends_s)`` with one offset from UTC each, in seconds."""
    stretches: list[tuple[int, int, int]] = []
    while begins_s < ends_s:
        offset_s = _offset(zone, begins_s)
        until_s = ends_s
        if _offset(zone, ends_s - 1) != offset_s:
            until_s = _change(zone, begins_s, ends_s)
        stretches.append((begins_s, until_s, offset_s))
        begins_s = until_s
    return stretches


def _change(zone: tzinfo, begins_s: int, ends_s: int) -> int:
    """The first second after ``begins_s`` with another offset than there."""
    same_s, other_s, offset_s = begins_s, ends_s - 1, _offset(zone, begins_s)
    while other_s - same_s > 1:
        middle_s = (same_s + other_s) // 2
        if _offset(zone, middle_s) == offset_s:
            same_s = middle_s
        else:
            other_s = middle_s
    return other_s


def _offset(zone: tzinfo, at_s: int) -> int:
    shift = datetime.fromtimestamp(at_s, zone).utcoffset()
    return 0 if shift is None else round(shift.total_seconds())
