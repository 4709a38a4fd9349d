"""A better touch never makes a lower score, now or later."""

from collections.abc import Callable
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from tests.property.lives import level_after, live, score_after
from tests.property.policies import ONE, PROBE, ROOMY, SEVERAL, Sample, under
from tests.property.streams import Events, streams
from tests.property.touches import FAMILIES, START
from tests.unit.events import event

CALL: Final = "touchpoint.call.completed.v1"
VISIT: Final = "touchpoint.visit.completed.v1"
OBSERVED: Final = "touchpoint.observed.v1"

Made = dict[str, Any]
Worded = Callable[[float], tuple[str, Made]]
"""From a quality in [0, 1] to an event's type and data: the more, the better it feels."""


def _rated(quality: float) -> tuple[str, Made]:
    return VISIT, {"intent": "help", "ratings": {"attitude": 1 + 4 * quality}, "resolved": False}


def _answered(quality: float) -> tuple[str, Made]:
    answers = {"price": 1 + 4 * quality, "resolution": 1 + 4 * quality}
    return "touchpoint.survey.answered.v1", {"survey": "s", "answers": answers}


def _waited(quality: float) -> tuple[str, Made]:
    return CALL, {"intent": "fault", "wait_seconds": 100 * (1 - quality), "abandoned": True}


def _settled(quality: float) -> tuple[str, Made]:
    # Without a topic: one that makes earlier failures good is less just than other resolutions.
    return CALL, {"intent": "help", "resolved": quality > 0.5}


def _complained(quality: float) -> tuple[str, Made]:
    data = {"complaint": "k-1", "severity": round(5 - 4 * quality), "topic": "t-1"}
    return "touchpoint.complaint.opened.v1", data


def _made_good(quality: float) -> tuple[str, Made]:
    parts = ("outcome_justice", "treatment_justice", "procedure_justice")
    justice = dict.fromkeys(parts, quality)
    return "touchpoint.complaint.resolved.v1", {"complaint": "k-1"} | justice


def _confirmed(quality: float) -> tuple[str, Made]:
    data = {"complaint": "k-1", "satisfied": quality > 0.5}
    return "touchpoint.complaint.closed.v1", data


def _delayed(quality: float) -> tuple[str, Made]:
    data = {"channel": "sms", "purpose": "alert", "delay_seconds": 90 * (1 - quality)}
    return "touchpoint.message.delivered.v1", data


def _heard(quality: float) -> tuple[str, Made]:
    return "touchpoint.digital.used.v1", {"sentiment": 2 * quality - 1, "intensity": 0.5}


WORDED: Final = {
    "rating": _rated,
    "answer": _answered,
    "wait": _waited,
    "resolved": _settled,
    "severity": _complained,
    "justice": _made_good,
    "confirmed": _confirmed,
    "delay": _delayed,
    "sentiment": _heard,
}

# What happens to a complaint matters most while there is one.
ABOUT_COMPLAINTS: Final = {
    name: tuple(kind for kind in FAMILIES if ".complaint." in kind)
    for name in ("severity", "justice", "confirmed")
}

qualities = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
later = st.sampled_from([0.0, 1.0, 45.0, 800.0])


def put(events: Events, place: int, at: str, touch: tuple[str, Made]) -> Events:
    """The stream with one more event, which arrives at ``place``."""
    kind, data = touch
    at = min(at, events[-1]["time"]) if place % 2 else at
    return [*events[:place], event(kind, id="touch", time=at, data=data), *events[place:]]


@under(default=ROOMY, one_half_life=ONE)
@given(
    data=st.data(),
    worded=st.sampled_from(sorted(WORDED)),
    better=qualities,
    place=st.integers(0, 25),
    days=later,
)
def test_a_better_touch_never_makes_a_lower_score(
    *,
    policies: st.SearchStrategy[Sample],
    data: st.DataObject,
    worded: str,
    better: list[float],
    place: int,
    days: float,
) -> None:
    policy = data.draw(policies).policy
    events = data.draw(streams(most=25, kinds=ABOUT_COMPLAINTS.get(worded, tuple(FAMILIES))))
    at = data.draw(st.sampled_from([each["time"] for each in events]))
    worse, best = (
        score_after(live(put(events, place, at, WORDED[worded](quality)), policy), policy, days)
        for quality in better
    )
    assert worse <= best + 1e-9


@under(several=SEVERAL)
@given(
    data=st.data(),
    events=streams(most=20),
    better=qualities,
    intensity=st.floats(0.01, 1),
    days=later,
)
def test_more_of_a_reverse_dimension_is_worse_and_of_any_other_better(
    *,
    policies: st.SearchStrategy[Sample],
    data: st.DataObject,
    events: Events,
    better: list[float],
    intensity: float,
    days: float,
) -> None:
    sample = data.draw(policies)
    name = data.draw(st.sampled_from(sorted(sample.content["dimensions"])))
    levels = []
    for quality in better:
        touch = {"touchpoint": PROBE, "measures": {name: quality}, "intensity": intensity}
        made = event(OBSERVED, id="touch", time=START.isoformat(), data=touch)
        customer = live([*events, made], sample.policy)
        levels.append(level_after(customer, sample.policy, days))
    if sample.content["dimensions"][name]["kano"] == "reverse":
        levels.reverse()
    assert levels[0] <= levels[1] + 1e-9
