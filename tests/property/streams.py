"""Random streams of valid events of one customer, for properties."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.property.touches import FAMILIES, START, TWO_YEARS_S, Dice
from tests.unit.events import event

Events = list[dict[str, Any]]

PROMISE_MADE: Final = "touchpoint.promise.made.v1"
PROMISE_ENDS: Final = (
    "touchpoint.promise.kept.v1",
    "touchpoint.promise.broken.v1",
    "touchpoint.promise.withdrawn.v1",
)
PROFILED: Final = "touchpoint.customer.profiled.v1"
OFFERED: Final = "touchpoint.market.rival_offered.v1"

_SLOTS: Final = 1_000
_NUMBERS: Final = st.integers(0, 2**32 - 1)
_SPANS: Final = st.sampled_from((TWO_YEARS_S, 30 * 86_400, 86_400, 0))


def made(kind: str, number: int, at_s: float, name: str) -> dict[str, Any]:
    """The event of ``kind`` that ``number`` stands for, ``at_s`` seconds after the start."""
    at = (START + timedelta(seconds=at_s)).isoformat()
    return event(kind, id=name, time=at, data=FAMILIES[kind](Dice(number)))


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    most: int = 40,
    kinds: Collection[str] = tuple(FAMILIES),
    id_letters: int = 1,
) -> Events:
    """Up to ``most`` events in any order, within two years, a month, a day or at one moment.

    Ids are all different, of at least ``id_letters`` letters; times may be equal.
    """
    span_s, size, every = draw(_SPANS), draw(st.integers(1, most)), sorted(kinds)
    if draw(st.booleans()):  # a few kinds alone, so that they meet each other often
        every = draw(st.lists(st.sampled_from(every), min_size=1, max_size=6, unique=True))
    one = st.tuples(st.sampled_from(every), st.integers(0, _SLOTS), _NUMBERS)
    return [
        made(kind, number, slot * span_s / _SLOTS, f"e-{place}".rjust(id_letters, "i"))
        for place, (kind, slot, number) in enumerate(
            draw(st.lists(one, min_size=size, max_size=size))
        )
    ]


class History(NamedTuple):
    """The same events in two orders of arrival that must come to the same score."""

    in_time: Events
    shuffled: Events


@st.composite
def histories(draw: st.DrawFn, *, most: int = 30) -> History:
    """A stream as it happened, and with what came late.

    Touches come in any order. What others are judged by - profiles, rivals' offers, promises that
    lift the expectation, and their ends - comes in order, before every touch that it is about.
    Of each such promise there is one making; of profiles one, and perhaps one before all else:
    what more of them were like is not remembered.
    """
    around = _contexts(draw)
    kinds = set(FAMILIES) - {PROFILED, OFFERED, PROMISE_MADE, *PROMISE_ENDS}
    touches = draw(streams(most=most, kinds=sorted(kinds)))
    touches += _plain_promises(draw)
    around.sort(key=lambda each: str(each["time"]))
    in_time = sorted([*around, *touches], key=lambda each: str(each["time"]))
    shuffled = touches[:]
    draw(st.randoms(use_true_random=False)).shuffle(shuffled)
    place = 0
    for context in around:
        latest = next(
            (n for n, each in enumerate(shuffled) if each["time"] >= context["time"]),
            len(shuffled),
        )
        place = draw(st.integers(place, max(place, latest)))
        shuffled.insert(place, context)
        place += 1
    return History(in_time, shuffled)


def _contexts(draw: st.DrawFn) -> Events:
    seconds = st.integers(0, TWO_YEARS_S)
    found = []
    if draw(st.booleans()):
        found.append(made(PROFILED, draw(_NUMBERS), 0, "first-profile"))
    if draw(st.booleans()):
        found.append(made(PROFILED, draw(_NUMBERS), 1 + draw(seconds), "profile"))
    for place in range(draw(st.integers(0, 4))):
        found.append(made(OFFERED, draw(_NUMBERS), draw(seconds), f"offer-{place}"))
    for name in ("p-1", "p-2"):
        if draw(st.booleans()):
            found += _promised(draw, name)
    return found


def _plain_promises(draw: st.DrawFn) -> Events:
    found: Events = []
    for name in ("p-3", "p-4"):
        if draw(st.booleans()):
            found += _promised(draw, name)
    for each in found:
        each["data"].pop("level", None)
    return found


def _promised(draw: st.DrawFn, name: str) -> Events:
    """The making of a promise, and how it ended, perhaps in contradictory ways."""
    seconds = st.integers(0, TWO_YEARS_S)
    found = [made(PROMISE_MADE, draw(_NUMBERS), draw(seconds), f"made-{name}")]
    for place in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(PROMISE_ENDS))
        found.append(made(kind, draw(_NUMBERS), draw(seconds), f"end-{place}-{name}"))
    for each in found:
        each["data"]["promise"] = name
    return found
