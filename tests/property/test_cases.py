"""Cases and ticks: how a case stands in the end does not depend on when ticks came."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.care import CareCase
from tests.unit.core import Life, default_policy

START: Final = datetime(2026, 2, 9, tzinfo=UTC)
END: Final = START + timedelta(days=60)
HOURS: Final = 30 * 24

COMPLAINTS: Final = ("k-1", "k-2")
TOPICS: Final = ("parking", "noise")


class Happened(NamedTuple):
    minutes: int
    type: str
    data: dict[str, Any]


def happened(hours: int, what: tuple[str, dict[str, Any]]) -> Happened:
    return Happened(hours * 60 + 17, *what)


def _complaint(what: str, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    named = {"complaint": st.sampled_from(COMPLAINTS)} | data
    return st.tuples(st.just(f"touchpoint.complaint.{what}.v1"), st.fixed_dictionaries(named))


def _repair(what: str, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    named = {"repair": st.just("r-1")} | data
    return st.tuples(st.just(f"touchpoint.repair.{what}.v1"), st.fixed_dictionaries(named))


steps = st.sampled_from(["respect", "listen", "restate", "offer", "act", "check"])
anything = st.one_of(
    _complaint("opened", topic=st.sampled_from(TOPICS)),
    _complaint("progressed", step=steps),
    _complaint("handed_over", to_department=st.sampled_from(["guards", "captain"])),
    _complaint("resolved"),
    _complaint("closed", satisfied=st.booleans()),
    _repair("opened", line=st.sampled_from(["broadband", "voice"])),
    _repair("completed", resolved=st.booleans()),
    st.tuples(
        st.just("touchpoint.customer.profiled.v1"),
        st.fixed_dictionaries({"tier": st.sampled_from(["gold", "ordinary"])}),
    ),
    st.tuples(
        st.just("touchpoint.call.completed.v1"),
        st.fixed_dictionaries({"topic": st.sampled_from(TOPICS)}),
    ),
)
happenings = st.lists(
    st.builds(
        lambda hours, each: Happened(hours * 60 + 17, *each), st.integers(0, HOURS), anything
    ),
    min_size=1,
    max_size=12,
).map(lambda found: sorted(found, key=lambda each: each.minutes))


def live(events: Sequence[Happened], ticks: Sequence[int]) -> Life:
    """A life with ticks at these minutes, which never fall on an event, and one in the end."""
    life = Life(default_policy())
    todo = sorted([*((each.minutes, each) for each in events), *((at, None) for at in ticks)],
                  key=lambda each: each[0])  # fmt: skip
    for minutes, event in todo:
        at = (START + timedelta(minutes=minutes)).isoformat()
        if event is not None:
            life.happen(event.type, at, event.data)
        elif life.customer is not None:
            life.tick(at)
    if life.customer is not None:
        life.tick(END.isoformat())
    return life


def last_of(life: Life) -> dict[str, CareCase]:
    """How each case stands in the end."""
    return {s.record.id: s.record for s in life.said if isinstance(s.record, CareCase)}


def breaches(life: Life) -> dict[str, datetime]:
    """When what ran out was due, by the ids of the notices."""
    return {
        each.event: each.time for each in life.contributions() if each.touchpoint == "case_breach"
    }


@settings(deadline=None, max_examples=150)
@given(happenings, st.lists(st.integers(0, HOURS).map(lambda h: h * 60 + 41), max_size=20))
def test_however_often_ticks_come_the_cases_and_what_ran_out_are_the_same(
    events: list[Happened], ticks: list[int]
) -> None:
    # At least every five days: what is found out after a week is history, and not felt.
    often = live(events, range(41, 60 * 24 * 60, 360))
    seldom = range(41, 60 * 24 * 60, 5 * 24 * 60)
    for other in (live(events, [*ticks, *seldom]), live(events, seldom)):
        assert last_of(other) == last_of(often)
        assert breaches(other) == breaches(often)


@settings(deadline=None, max_examples=150)
@given(happenings, st.randoms(use_true_random=False))
def test_whatever_comes_late_a_case_stays_whole(events: list[Happened], random: Any) -> None:
    """In any order: nothing is counted below nothing, and steps end in their order."""
    random.shuffle(events)
    life = Life(default_policy())
    for number, event in enumerate(events):
        life.happen(event.type, (START + timedelta(minutes=event.minutes)).isoformat(), event.data)
        if number % 3 == 0:
            life.tick((START + timedelta(minutes=event.minutes + 600)).isoformat())
    life.tick(END.isoformat())
    for case in last_of(life).values():
        assert case.breaches >= sum(step.breached for step in case.steps) >= 0
        assert case.level < 3
        assert (case.status == "closed") == (case.closed_at is not None)
        done = [step.done for step in case.steps]
        assert None not in done[:-1]
        assert done[:-1] == sorted(at for at in done[:-1] if at)
    alarms = [alarm for alarm in life.state.care.alarms if alarm.kind == "case"]
    assert len(alarms) <= len(life.state.care.cases)
