"""Patterns are the same however often time is told, and each shows once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.moment import PIPELINE
from pipeline.core.perceive.score import score_at
from pipeline.core.policy.compiled import Policy
from schemas.ids import action_id
from tests.property.drawing import default_content
from tests.property.policies import loaded, make_roomy
from tests.property.streams import Events, streams
from tests.property.test_monotone import WORDED, put, qualities
from tests.property.touches import FAMILIES, START, TWO_YEARS_S
from tests.unit.core import Life

NOTICED: Final = "touchpoint.pattern.noticed.v1"
NAME: Final = "customer-1"
_END: Final = START + timedelta(seconds=2 * TWO_YEARS_S)

# Those that patterns are made of; the others would only stand between them.
KINDS: Final = sorted(set(FAMILIES) - {"touchpoint.market.rival_offered.v1"})


@cache
def roomy() -> Policy:
    """The default policy with room for all that waits, without history and without cases.

    The clocks of cases are not patterns over touches, and have properties of their own.
    """
    content = default_content()
    make_roomy(content)
    content["limits"] |= {"alarms": 64, "shown_patterns": 64, "recent_contacts": 64}
    content["patterns"]["history_days"] = 10_000
    del content["cases"]
    return loaded(content, "roomy").policy


class Told(NamedTuple):
    """The notices of a life: id, pattern and time, in order; and which of them were withdrawn."""

    notices: tuple[tuple[str, str | None, datetime], ...]
    withdrawn: frozenset[str]

    @property
    def standing(self) -> set[tuple[str, str | None, datetime]]:
        return {each for each in self.notices if each[0] not in self.withdrawn}


def live_and_tick(events: Events, told_at: Sequence[bool]) -> tuple[Life, Told]:
    """Let ``events`` happen; time is told before those for which ``told_at`` says so."""
    life, clock = Life(roomy(), NAME), START
    for number, each in enumerate(events):
        clock = max(clock, datetime.fromisoformat(each["time"]))
        if life.customer is not None and told_at[number % len(told_at)]:
            life.tick(clock.isoformat())
        life.add(each)
    while life.state.care.alarms:
        life.tick(_END.isoformat())
    return life, _told(life)


def _told(life: Life) -> Told:
    found = [each for each in life.contributions() if each.type == NOTICED]
    takes_back = {action_id("withdrawn", NAME, PIPELINE, each.event): each.event for each in found}
    ids = {each.event for each in found}
    return Told(
        tuple(
            (each.event, each.touchpoint, each.time)
            for each in found
            if each.event not in takes_back
        ),
        frozenset(notice for own, notice in takes_back.items() if own in ids),
    )


def in_time(events: Events) -> Events:
    return sorted(events, key=lambda each: str(each["time"]))


often = st.lists(st.booleans(), min_size=1, max_size=12)
eventful = streams(most=40, kinds=KINDS)


@given(events=eventful, told_at=often)
def test_notices_are_the_same_however_often_time_is_told(
    events: Events, told_at: list[bool]
) -> None:
    events = in_time(events)
    _, always = live_and_tick(events, [True])
    _, seldom = live_and_tick(events, told_at)
    _, never = live_and_tick(events, [False])
    assert set(always.notices) == set(seldom.notices) == set(never.notices)
    assert always.withdrawn == seldom.withdrawn == never.withdrawn


@given(events=eventful, told_at=often)
def test_what_stands_in_the_end_is_the_same_whatever_came_late(
    events: Events, told_at: list[bool]
) -> None:
    """What was withdrawn may or may not have shown, by when it was looked for."""
    _, always = live_and_tick(events, [True])
    _, seldom = live_and_tick(events, told_at)
    assert always.standing == seldom.standing


@given(events=eventful, told_at=often)
def test_each_notice_is_given_once(events: Events, told_at: list[bool]) -> None:
    _, told = live_and_tick(events, told_at)
    counts = Counter(notice for notice, _, _ in told.notices)
    assert not [notice for notice, times in counts.items() if times > 1]


@given(
    events=eventful,
    told_at=often,
    worded=st.sampled_from(sorted(WORDED)),
    better=qualities,
    place=st.integers(0, 40),
)
def test_a_better_touch_never_makes_a_lower_score_with_patterns_felt(
    events: Events, told_at: list[bool], worded: str, better: list[float], place: int
) -> None:
    at = events[place % len(events)]["time"]
    worse, best = (
        live_and_tick(put(events, place, at, WORDED[worded](quality)), told_at)[0].state
        for quality in better
    )
    at_s = max(worse.as_of_s, best.as_of_s)
    scores = [score_at(each, roomy(), at_s) for each in (worse, best)]
    assert scores[0] <= scores[1] + 1e-9
