"""Quiet hours: the customer's wall clock, midnight, and days that have no or two such hours."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.dispatch.quiet import quiet_until
from schemas.care import Quiet

NIGHT = Quiet("Europe/Berlin", "22:00", "07:00")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("quiet", "now", "end"),
    [
        (NIGHT, "2026-03-02T21:30", "2026-03-03T06:00"),  # 22:30 there
        (NIGHT, "2026-03-03T05:59", "2026-03-03T06:00"),
        (NIGHT, "2026-03-03T06:00", None),
        (NIGHT, "2026-03-02T20:59", None),
        (Quiet("Asia/Shanghai", "12:00", "14:00"), "2026-03-02T04:30", "2026-03-02T06:00"),
        (Quiet("Asia/Shanghai", "12:00", "14:00"), "2026-03-02T06:00", None),
        (Quiet("UTC", "08:00", "08:00"), "2026-03-02T08:00", None),
        # The night in which Berlin's clocks go forward is an hour shorter, the other longer.
        (NIGHT, "2026-03-28T21:00", "2026-03-29T05:00"),
        (NIGHT, "2026-10-24T20:00", "2026-10-25T06:00"),
        # Quiet ends in the hour that does not exist: with it, it is over.
        (Quiet("Europe/Berlin", "22:00", "02:30"), "2026-03-29T00:59", "2026-03-29T01:30"),
        (Quiet("Europe/Berlin", "22:00", "02:30"), "2026-03-29T01:00", None),  # 03:00 there
        # It ends at 02:30, which comes twice: a pause between them, then quiet again.
        (Quiet("Europe/Berlin", "22:00", "02:30"), "2026-10-25T00:00", "2026-10-25T00:30"),
        (Quiet("Europe/Berlin", "22:00", "02:30"), "2026-10-25T00:30", None),
        (Quiet("Europe/Berlin", "22:00", "02:30"), "2026-10-25T01:10", "2026-10-25T01:30"),
        (None, "2026-03-02T03:00", None),
    ],
)
def test_when_quiet_hours_end(quiet: Quiet | None, now: str, end: str | None) -> None:
    assert quiet_until(quiet, utc(now)) == (None if end is None else utc(end))


@pytest.mark.parametrize(
    "quiet",
    [
        Quiet("Europe/Atlantis", "22:00", "07:00"),
        Quiet("", "22:00", "07:00"),
        Quiet("Europe", "22:00", "07:00"),
        Quiet("../../etc/passwd", "22:00", "07:00"),
        Quiet("UTC", "25:00", "07:00"),
        Quiet("UTC", "22:00", "seven"),
    ],
)
def test_hours_and_zones_that_are_none_are_refused(quiet: Quiet) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        quiet_until(quiet, utc("2026-03-02T03:00"))


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


@given(
    st.sampled_from(ZONES),
    st.times(),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=1_000)),
)
def test_quiet_ends_soon_and_inside_it_the_wall_clock_says_so(
    zone: str, begins: time, ends: time, since: timedelta
) -> None:
    now = utc("2025-01-01T00:00") + since
    quiet = Quiet(zone, begins.isoformat("minutes"), ends.isoformat("minutes"))
    until = quiet_until(quiet, now)
    first, last = begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0)
    wall = now.astimezone(ZoneInfo(zone)).time()
    inside = first <= wall < last if first <= last else wall >= first or wall < last
    assert (until is not None) == inside
    if until is not None:
        assert now < until <= now + timedelta(hours=25)
