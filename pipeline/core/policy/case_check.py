"""What is wrong with the cases of a policy: names of calendars, tiers, zones and countries."""

from collections.abc import Iterable, Iterator

from holidays import list_supported_countries

from pipeline.core.policy.cases import OPEN, CalendarPolicy
from pipeline.core.policy.check import Problem
from pipeline.core.policy.models import PolicyFile
from pipeline.core.zones import zone_of


def case_problems(file: PolicyFile) -> list[Problem]:
    """Every name of a calendar, tier, zone or country that points to nothing."""
    problems = [
        problem
        for name, calendar in file.calendars.items()
        for problem in _calendar(name, calendar)
    ]
    if file.cases is not None and zone_of(file.cases.zone) is None:
        problems.append(_no_zone(("cases", "zone"), file.cases.zone))
    return [*problems, *_complaints(file), *_repairs(file)]


def _no_zone(path: tuple[str, ...], zone: str) -> Problem:
    return Problem(path, f"unknown time zone {zone!r}; an IANA name is needed")


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(names))}"


def _calendar(name: str, calendar: CalendarPolicy) -> list[Problem]:
    path = ("calendars", name)
    if name == OPEN:
        return [Problem(path, f"{OPEN!r} is open day and night already; choose another name")]
    problems = [
        _no_zone((*path, part), zone)
        for part, zone in (("zone", calendar.zone), ("home", calendar.home))
        if zone_of(zone) is None and (part, zone) != ("zone", "customer")
    ]
    kept = calendar.holidays
    if kept is not None:
        countries = list_supported_countries()
        if kept.country not in countries:
            what = f"unknown country {kept.country!r}; {_known(countries)}"
            problems.append(Problem((*path, "holidays", "country"), what))
        elif kept.subdivision is not None and kept.subdivision not in countries[kept.country]:
            what = f"unknown subdivision {kept.subdivision!r}; {_known(countries[kept.country])}"
            problems.append(Problem((*path, "holidays", "subdivision"), what))
    return problems


def _complaints(file: PolicyFile) -> Iterator[Problem]:
    given = file.cases.complaint if file.cases is not None else None
    if given is None:
        return
    path = ("cases", "complaint")
    yield from _calendars(file, (*path, "calendar"), given.calendar)
    for n, step in enumerate(given.steps):
        place = (*path, "steps", str(n))
        if step.calendar is not None:
            yield from _calendars(file, (*place, "calendar"), step.calendar)
        if isinstance(step.within_hours, dict):
            for tier in step.within_hours:
                yield from _tiers(file, (*place, "within_hours", tier), tier)


def _repairs(file: PolicyFile) -> Iterator[Problem]:
    given = file.cases.repair if file.cases is not None else None
    for n, clock in enumerate(given.clocks if given is not None else ()):
        path = ("cases", "repair", "clocks", str(n))
        yield from _calendars(file, (*path, "calendar"), clock.calendar)
        if clock.tier is not None:
            yield from _tiers(file, (*path, "tier"), clock.tier)


def _calendars(file: PolicyFile, path: tuple[str, ...], name: str) -> Iterator[Problem]:
    if name != OPEN and name not in file.calendars:
        yield Problem(path, f"unknown calendar {name!r}; {_known((OPEN, *file.calendars))}")


def _tiers(file: PolicyFile, path: tuple[str, ...], name: str) -> Iterator[Problem]:
    if name not in file.tiers:
        yield Problem(path, f"unknown tier {name!r}; {_known(file.tiers)}")
