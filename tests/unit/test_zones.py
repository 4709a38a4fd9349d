"""Zones by name, and quiet hours on days on which the clock is changed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.decide.quiet import is_quiet, quiet_end_s
from pipeline.core.policy.guarding import QuietHours
from pipeline.core.zones import zone_of


def zone(name: str) -> ZoneInfo:
    found = zone_of(name)
    assert found is not None
    return found


def hours(begins: str, ends: str) -> QuietHours:
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (begins, ends))
    return QuietHours(first, last, begins, ends, frozenset())


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def told(at_s: float, name: str) -> str:
    return datetime.fromtimestamp(at_s, zone(name)).isoformat()


@pytest.mark.parametrize("name", ["UTC", "Asia/Shanghai", "PRC", "America/Argentina/Ushuaia"])
def test_a_zone_is_found_by_its_name(name: str) -> None:
    assert zone(name).key == name


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../zones", "/etc/passwd", "zone.tab", "utc "]
)
def test_what_is_no_zones_name_is_none(name: str) -> None:
    assert zone_of(name) is None


def test_rules_of_summer_time_are_known() -> None:
    assert told(seconds("2026-03-29T00:59:59Z"), "Europe/Berlin").endswith("01:59:59+01:00")
    assert told(seconds("2026-03-29T01:00:00Z"), "Europe/Berlin").endswith("03:00:00+02:00")


@pytest.mark.parametrize(
    ("begins", "ends", "at", "until"),
    [
        # an ordinary night, and the last minute of it
        ("21:00", "08:00", "2026-03-10T21:00:00+01:00", "2026-03-11T08:00:00+01:00"),
        ("21:00", "08:00", "2026-03-11T07:59:59+01:00", "2026-03-11T08:00:00+01:00"),
        # a night of 10 hours, for the clock is put forward
        ("21:00", "08:00", "2026-03-28T21:00:00+01:00", "2026-03-29T08:00:00+02:00"),
        # a night of 12 hours, for it is put back
        ("21:00", "08:00", "2026-10-24T21:00:00+02:00", "2026-10-25T08:00:00+01:00"),
        # it ends at an hour that there is not: when the clock leaps over it
        ("21:00", "02:30", "2026-03-28T23:00:00+01:00", "2026-03-29T03:30:00+02:00"),
        # it ends at an hour that there is twice: at the first, and again at the second
        ("21:00", "02:30", "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("21:00", "02:30", "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
        # within one day
        ("12:00", "14:00", "2026-06-01T13:00:00+02:00", "2026-06-01T14:00:00+02:00"),
    ],
)
def test_quiet_hours_end_by_the_customers_clock(
    begins: str, ends: str, at: str, until: str
) -> None:
    quiet, berlin = hours(begins, ends), zone("Europe/Berlin")
    assert is_quiet(quiet, berlin, seconds(at))
    assert told(quiet_end_s(quiet, berlin, seconds(at)), "Europe/Berlin") == until


def test_a_day_that_a_zone_left_out_does_not_matter() -> None:
    samoa, quiet = zone("Pacific/Apia"), hours("21:00", "08:00")
    at_s = seconds("2011-12-29T23:00:00-10:00")  # a Thursday; Saturday came next
    until_s = quiet_end_s(quiet, samoa, at_s)
    assert at_s < until_s <= at_s + 24 * 3_600
    assert not is_quiet(quiet, samoa, until_s)


_ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe")


@given(
    st.sampled_from(_ZONES),
    st.integers(0, 1_439),
    st.integers(1, 1_439),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_end_is_never_quiet_and_all_before_it_is(
    name: str, begins: int, length: int, at: datetime
) -> None:
    quiet = QuietHours(begins, (begins + length) % 1_440, "", "", frozenset())
    where, at_s = zone(name), at.timestamp()
    if not is_quiet(quiet, where, at_s):
        return
    until_s = quiet_end_s(quiet, where, at_s)
    assert not is_quiet(quiet, where, until_s)
    assert at_s < until_s <= at_s + 25.5 * 3_600
    minutes = int((until_s - at_s) // 60)
    assert all(is_quiet(quiet, where, at_s + 60 * n) for n in range(0, minutes, 7))
