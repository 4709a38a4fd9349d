"""Which scores match, and that crossings alternate and end where the scores end."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.adapters.subscriptions.rules import Reading, crossings, matches, reading_of
from schemas.deliveries import Crossing, Standing
from schemas.perception import Band
from schemas.subscriptions import NewCondition, NewSubscription, ScoreCondition
from tests.contract.scoring import a_score, subscription

TIERS = ("gold", "ordinary")


def a_reading(customer: str = "c", value: float = 40.0, **changes: object) -> Reading:
    return reading_of(msgspec.to_builtins(a_score(customer, value, **changes)))


readings = st.builds(
    lambda customer, value, band, confidence, tier, gone: a_reading(
        customer,
        value,
        band=band,
        confidence=confidence,
        tier=tier,
        merged_into="other" if gone else None,
    ),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from([0.0, 29.9, 30.0, 30.1, 49.9, 50.0, 50.1, 100.0]),
    st.sampled_from(get_args(Band)),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(TIERS),
    st.integers(0, 9).map(lambda number: number == 0),
)
conditions = st.builds(
    lambda below, above, bands, tiers, confidence: ScoreCondition(
        below=below, above=above, bands=tuple(bands), tiers=tuple(tiers), min_confidence=confidence
    ),
    st.sampled_from([None, 50.0, 100.0]),
    st.sampled_from([None, 0.0, 30.0]),
    st.sets(st.sampled_from(get_args(Band))),
    st.sets(st.sampled_from(TIERS)),
    st.sampled_from([0.0, 0.5]),
)


def run(condition: ScoreCondition, told: list[Reading], sizes: list[int]) -> list[Crossing]:
    """Crossings of readings that come in batches of these sizes, then in one."""
    standings: dict[tuple[str, str], Standing] = {}
    found: list[Crossing] = []
    for size in [*sizes, len(told)]:
        batch, told = told[:size], told[size:]
        new = [*crossings([subscription(condition=condition)], batch, standings)]
        standings |= {(each.subscription, each.customer): each.standing for each in new}
        found += new
    return found


@given(conditions, st.lists(readings, max_size=30), st.lists(st.integers(0, 5), max_size=6))
def test_edges_alternate_and_end_in_the_state_of_the_last_score(
    condition: ScoreCondition, told: list[Reading], sizes: list[int]
) -> None:
    found = run(condition, told, sizes)
    for customer in ("ann", "bob"):
        own = [each.notice for each in found if each.customer == customer]
        assert [n.edge for n in own] == [("entered", "left")[n % 2] for n in range(len(own))]
        assert [n.crossing for n in own] == [*range(1, len(own) + 1)]
        last = [each for each in told if each.customer == customer][-1:]
        stands = bool(own) and own[-1].edge == "entered"
        assert stands == any(matches(condition, each) for each in last)


@given(conditions, st.lists(readings, max_size=30), st.lists(st.integers(0, 5), max_size=6))
def test_how_changes_are_cut_into_batches_changes_nothing(
    condition: ScoreCondition, told: list[Reading], sizes: list[int]
) -> None:
    assert run(condition, told, sizes) == run(condition, told, [])


@given(conditions, st.lists(readings, max_size=30))
def test_every_crossing_has_an_id_of_its_own_and_tells_the_score_that_crossed(
    condition: ScoreCondition, told: list[Reading]
) -> None:
    found = run(condition, told, [])
    assert len({each.notice.id for each in found}) == len(found)
    for each in found:
        shown = reading_of(msgspec.to_builtins(each.notice))
        assert shown in told
        assert matches(condition, shown) == (each.notice.edge == "entered")


def test_the_same_customer_of_two_subscriptions_is_told_under_two_ids() -> None:
    both = [subscription("s-1"), subscription("s-2")]
    first, second = crossings(both, [a_reading()], {})
    assert (first.subscription, second.subscription) == ("s-1", "s-2")
    assert first.notice.id != second.notice.id


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (ScoreCondition(below=50.0), 49.999, True),
        (ScoreCondition(below=50.0), 50.0, False),
        (ScoreCondition(above=50.0), 50.0, False),
        (ScoreCondition(above=50.0), 50.001, True),
        (ScoreCondition(below=50.0, above=30.0), 40.0, True),
        (ScoreCondition(below=50.0, above=30.0), 20.0, False),
        (ScoreCondition(bands=("satisfied",)), 90.0, True),
        (ScoreCondition(bands=("failing", "tolerated")), 90.0, False),
        (ScoreCondition(below=50.0, tiers=("gold",)), 40.0, True),
        (ScoreCondition(below=50.0, tiers=("ordinary",)), 40.0, False),
        (ScoreCondition(below=50.0, min_confidence=0.31), 40.0, False),
    ],
)
def test_all_that_a_condition_gives_must_hold(
    condition: ScoreCondition, value: float, expected: bool
) -> None:
    assert matches(condition, a_reading(value=value)) is expected


def test_a_customer_who_turned_out_to_be_another_leaves() -> None:
    assert not matches(ScoreCondition(below=50.0), a_reading(merged_into="c-2"))


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({}, "asks for nothing"),
        ({"tiers": ["gold"]}, "asks for nothing"),
        ({"below": 50, "above": 50}, "never matches"),
        ({"below": 30, "above": 50}, "never matches"),
        ({"bands": [*get_args(Band)]}, "always matches"),
        ({"below": 0}, "greater than 0"),
        ({"above": 100}, "less than 100"),
        ({"below": 50, "min_confidence": 1.5}, "less than or equal to 1"),
        ({"bands": ["bad"]}, "'failing'"),
        ({"under": 50}, "Extra inputs"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_with_the_reason(
    condition: dict[str, object], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        NewCondition.model_validate(condition)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/x", "https://crm.example", "https://[::1]/a?b=c", "https://a.b/%20"],
)
def test_a_url_that_can_be_posted_to_is_taken_as_it_is(url: str) -> None:
    wanted = {"name": "n", "url": url, "condition": {"below": 50}}
    assert NewSubscription.model_validate(wanted).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "crm.example/x", "ftp://crm.example/", "file:///etc/passwd", "https:///x"),
        *("https://ann:secret@crm.example/", "https://ann@crm.example/", "https://crm.example:0/"),
        *("https://crm.example:99999/", "https://[::1/", "https://crm.example/a b"),
        *("https://crm.example/\n", "https://crm.example/\u00e9", "https://crm.example/#part"),
        "https://crm.example/" + "x" * 2_048,
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused(url: str) -> None:
    wanted = {"name": "n", "url": url, "condition": {"below": 50}}
    with pytest.raises(ValidationError, match="url"):
        NewSubscription.model_validate(wanted)
