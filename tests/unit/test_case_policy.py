"""What is refused of cases when a policy is read, with the line and what is known."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.core.policy.load import PolicyError, load_policy
from tests.unit.core import changed_policy
from tests.unit.events import DEFAULT_POLICY

MISTAKES = [
    ("calendar: office", "calendar: offices", "unknown calendar 'offices'; known: always, office"),
    ("{line: broadband, tier: gold,", "{line: broadband, tier: golden,", "unknown tier 'golden'"),
    (
        "{name: respect, within_hours: {ordinary: 4, gold: 1}}",
        "{name: respect, within_hours: {ordinary: 4, golden: 1}}",
        "unknown tier 'golden'",
    ),
    ("zone: Asia/Shanghai       #", "zone: Asia/Shanghi       #", "unknown time zone"),
    ("zone: Asia/Shanghai         #", "zone: Asia/Shanghi         #", "unknown time zone"),
    ("holidays: {country: CN}", "holidays: {country: XY}", "unknown country 'XY'"),
    (
        "holidays: {country: CN}",
        "holidays: {country: DE, subdivision: CN}",
        "unknown subdivision 'CN'",
    ),
    ('mon: ["09:00-18:00"]', 'mon: ["18:00-09:00"]', "openings must follow each other"),
    ('mon: ["09:00-18:00"]', 'mon: ["9-18"]', "calendars.office.hours.mon"),
    ('mon: ["09:00-18:00"]', 'mo: ["09:00-18:00"]', "calendars.office.hours"),
    ("{name: check,", "{name: respect,", "each step at most once, in this order"),
    ("[local, province, group]", "[local, local]", "levels must differ"),
    ("on: [case.breach]", "on: [case.breech]", "unknown trigger 'case.breech'"),
    ("  office:\n", "  always:\n", "is open day and night already"),
]


@pytest.mark.parametrize(("old", "new", "what"), MISTAKES)
def test_a_mistake_is_refused_with_its_line(old: str, new: str, what: str) -> None:
    assert old in DEFAULT_POLICY
    text = DEFAULT_POLICY.replace(old, new, 1)
    with pytest.raises(PolicyError) as refused:
        load_policy(text, name="care.yaml")
    at = DEFAULT_POLICY[: DEFAULT_POLICY.index(old)].count("\n") + 1
    (told,) = [line for line in str(refused.value).splitlines() if what in line]
    assert at - 7 < int(told.split(":")[1]) < at + 3  # the line itself, or that of its section


def _longest(content: dict[str, Any]) -> None:
    content["cases"]["complaint"]["steps"][0]["within_hours"] = {"gold": 3}


def _same(content: dict[str, Any]) -> None:
    content["cases"]["complaint"]["steps"][0]["within_hours"] = 5


@pytest.mark.parametrize(
    ("change", "hours"),
    [(_longest, {"gold": 3, "ordinary": 3}), (_same, {"gold": 5, "ordinary": 5})],
)
def test_a_tier_without_hours_has_those_of_the_others(
    change: Callable[[dict[str, Any]], None], hours: dict[str, float]
) -> None:
    rules = changed_policy(change).cases
    assert rules is not None
    assert rules.steps[0].hours == hours


def test_the_first_clock_that_fits_a_repair_counts() -> None:
    rules = changed_policy(lambda _: None).cases
    assert rules is not None
    for line, tier, hours in (
        ("broadband", "gold", 8),
        ("broadband", "ordinary", 24),
        ("voice", "gold", 8),
        (None, "ordinary", 24),
    ):
        clock = rules.clock_of(line, tier)
        assert clock is not None
        assert clock.hours == hours
