"""Working time against a slow oracle that looks at every minute of the clock on the wall."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.cases.calendar import ALWAYS, Calendar, after, holidays_of
from pipeline.core.zones import zone_of

OFFICE: Final = Calendar("Asia/Shanghai", (((540, 1_080),),) * 5 + ((),) * 2, "CN")
MINUTE_S: Final = 60

# Times at which clocks, dates or working days do something odd.
ODD: Final = (
    ("Europe/Berlin", "2026-03-29T00:30"),  # an hour is lost
    ("Europe/Berlin", "2026-10-24T23:00"),  # an hour comes twice
    ("America/New_York", "2026-11-01T03:00"),
    ("Australia/Lord_Howe", "2026-04-04T12:00"),  # half an hour
    ("America/Santiago", "2026-09-06T02:00"),  # midnight itself is lost
    ("Pacific/Apia", "2011-12-29T20:00"),  # a whole day is lost
    ("Asia/Shanghai", "2026-02-13T06:00"),  # a Saturday is worked before the Spring Festival
    ("Asia/Kathmandu", "2026-05-01T00:00"),
    ("UTC", "2026-12-31T20:00"),
)


@st.composite
def openings(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    times = sorted(draw(st.lists(st.integers(0, 96), min_size=2, max_size=4, unique=True)))
    pairs = zip(times[::2], times[1::2], strict=False)  # an odd one opens nothing
    return tuple((15 * begins, 15 * ends) for begins, ends in pairs)


@st.composite
def calendars(draw: st.DrawFn, zone: str) -> Calendar:
    week = draw(st.lists(st.one_of(st.just(()), openings()), min_size=7, max_size=7))
    if not any(week):
        week[draw(st.integers(0, 6))] = draw(openings())
    country = draw(st.sampled_from([None, None, "CN", "DE", "US"]))
    return Calendar(zone, tuple(week), country)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Calendar, int]:
    zone, text = draw(st.sampled_from(ODD))
    start = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(
        minutes=draw(st.integers(-1_500, 1_500))
    )
    return draw(calendars(zone)), int(start.timestamp())


@cache
def kept_holidays(country: str, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country, years=year, expand=False)


def is_open(calendar: Calendar, at_s: int) -> bool:
    wall = datetime.fromtimestamp(at_s, ZoneInfo(calendar.zone))
    today, minute = wall.date(), 60 * wall.hour + wall.minute
    hours = calendar.hours[wall.weekday()]
    if calendar.country is not None:
        kept = kept_holidays(calendar.country, today.year)
        if today in kept:
            return False
        if today in kept.weekend_workdays and not hours:
            hours = next(each for each in calendar.hours if each)
    return any(begins <= minute < ends for begins, ends in hours)


def minute_by_minute(calendar: Calendar, start_s: int, minutes: int) -> int:
    at_s = start_s
    while minutes:
        minutes -= is_open(calendar, at_s)
        at_s += MINUTE_S
    return at_s


@settings(deadline=None, max_examples=60)
@given(situations(), st.integers(1, 600))
def test_it_is_what_counting_minutes_gives(situation: tuple[Calendar, int], minutes: int) -> None:
    calendar, start_s = situation
    assert after(calendar, start_s, minutes / 60) == pytest.approx(
        minute_by_minute(calendar, start_s, minutes), abs=1e-3
    )


@settings(deadline=None)
@given(
    situations(),
    st.lists(st.floats(0, 80), min_size=1, max_size=4),
    st.floats(-200_000, 200_000),
)
def test_hours_add_up(situation: tuple[Calendar, int], parts: list[float], shift_s: float) -> None:
    calendar, start_s = situation
    at_s = start_s + shift_s
    for part in parts:
        at_s = after(calendar, at_s, part)
    # a part that ends with an opening may lie an instant beyond it by rounding
    whole = [after(calendar, start_s + shift_s, sum(parts) + by) for by in (-1e-6, 0, 1e-6)]
    assert whole[0] - 1e-2 <= at_s <= whole[2] + 1e-2


@settings(deadline=None)
@given(
    situations(),
    st.lists(st.floats(0, 400_000), min_size=2, max_size=6),
    st.lists(st.floats(0, 80), min_size=2, max_size=6),
)
def test_later_starts_and_more_hours_are_never_due_earlier(
    situation: tuple[Calendar, int], starts: list[float], hours: list[float]
) -> None:
    calendar, start_s = situation
    by_start = [after(calendar, start_s + each, hours[0]) for each in sorted(starts)]
    by_hours = [after(calendar, start_s, each) for each in sorted(hours)]
    for dues in (by_start, by_hours):
        assert all(early <= late + 1e-3 for early, late in pairwise(dues))
        assert all(due >= start_s for due in dues)


def due(calendar: Calendar, start: str, hours: float) -> str:
    zone = ZoneInfo(calendar.zone)
    start_s = datetime.fromisoformat(start).replace(tzinfo=zone).timestamp()
    return datetime.fromtimestamp(after(calendar, start_s, hours), zone).strftime("%m-%d %H:%M")


def test_an_evening_and_a_weekend_do_not_count() -> None:
    assert due(OFFICE, "2026-03-06T17:00", 4) == "03-09 12:00"  # from Friday to Monday
    assert due(OFFICE, "2026-03-06T17:00", 1) == "03-06 18:00"  # the end, not Monday morning
    assert due(OFFICE, "2026-03-07T12:00", 0.5) == "03-09 09:30"


def test_the_spring_festival_is_no_working_time_but_the_saturday_before_is() -> None:
    assert due(OFFICE, "2026-02-13T17:00", 2) == "02-14 10:00"  # a Saturday, worked
    assert due(OFFICE, "2026-02-14T17:00", 2) == "02-24 10:00"


def test_a_day_that_loses_an_hour_is_shorter_and_one_that_doubles_it_longer() -> None:
    nights = Calendar("Europe/Berlin", (((0, 360),),) * 7)
    assert due(nights, "2026-03-29T00:00", 5) == "03-29 06:00"
    assert due(nights, "2026-10-25T00:00", 7) == "10-25 06:00"
    assert due(nights, "2026-03-29T00:00", 5.5) == "03-30 00:30"


def test_day_and_night_counts_by_the_clock() -> None:
    assert after(ALWAYS, 1e9, 24) == 1e9 + 86_400
    assert after(OFFICE, 1e9, 0) == 1e9


def test_customers_are_served_by_their_own_clock_where_it_is_known() -> None:
    calendar = Calendar("Asia/Shanghai", OFFICE.hours, customers=True)
    assert calendar.of("Europe/Berlin").zone == "Europe/Berlin"
    assert calendar.of("Atlantis/Capital").zone == "Asia/Shanghai"
    assert calendar.of(None).zone == "Asia/Shanghai"
    assert OFFICE.of("Europe/Berlin") is OFFICE


def test_a_calendar_that_never_opens_counts_by_the_clock_in_the_end() -> None:
    shut = Calendar("UTC", ((),) * 7)
    assert 4 * 365 * 86_400 < after(shut, 0.0, 1) < 5 * 365 * 86_400


def test_a_year_of_holidays_is_made_once() -> None:
    first = holidays_of("CN", None, 2026)
    for day in range(0, 300, 10):
        due(OFFICE, f"{date(2026, 1, 1) + timedelta(day)}T10:00", 10)
    assert holidays_of("CN", None, 2026) is first


@pytest.mark.parametrize("name", ["", "/", "../zones", "Asia", "zones", "Asia/../Europe/Berlin"])
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_of(name) is None


def test_zones_come_from_the_installed_data() -> None:
    assert str(zone_of("America/Argentina/Buenos_Aires")) == "America/Argentina/Buenos_Aires"
    assert str(zone_of("Etc/GMT+8")) == "Etc/GMT+8"
