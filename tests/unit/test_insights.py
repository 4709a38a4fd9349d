"""Insights in words and numbers: worked examples of the service literature, and of textbooks."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.adapters.messages import shipped_catalogues
from pipeline.core.insights.certainty import interval_95, student_95
from pipeline.core.insights.churn import churn_of
from pipeline.core.insights.curve import MOST_POINTS, buckets
from pipeline.core.insights.falls import fall_of
from pipeline.core.insights.iceberg import bergs, money_of
from pipeline.core.insights.improvement import Remedy, measures_of, remedy_of, sorest_touchpoints
from pipeline.core.insights.places import grouped, places_of
from pipeline.core.insights.recurring import recurring
from pipeline.core.insights.uplift import experiments_of, needed_each
from pipeline.core.insights.words import basis_in_words, remedy_in_words
from schemas.insight_rows import Affected, Arm, CaredFor, Departure, FallRow, Sums
from tests.unit.core import Life, changed_policy, default_policy

FILE = default_policy().file
PLACES = places_of(default_policy())
START = datetime(2026, 3, 1, tzinfo=UTC)
ENGLISH, CHINESE = (shipped_catalogues().choose([language]) for language in ("en", "zh"))


def test_twenty_silent_stand_behind_one_who_complains() -> None:
    (berg,) = bergs([Affected("call", "attitude", 1, 3)], FILE.insights, PLACES.departments)
    assert (berg.estimated, berg.affected.silent, berg.department) == (20.0, 3, "front_line")


def test_the_largest_iceberg_comes_first_also_if_nobody_complained() -> None:
    found = bergs(
        [
            Affected("visit", "waiting", 0, 50),
            Affected("call", "attitude", 2, 3),
            Affected("call", "guidance", 2, 90),
        ],
        FILE.insights,
        PLACES.departments,
    )
    assert [berg.affected.dimension for berg in found] == ["guidance", "waiting", "attitude"]


def test_a_hundred_satisfied_bring_fifteen_and_a_new_one_costs_six_times_a_kept_one() -> None:
    figures = FILE.insights.money
    assert figures is not None
    money = money_of(100, figures)
    assert money.revenue == 100 * 1200
    assert money.brought == pytest.approx(15 * 1200)
    assert money.replacing == 100 * (6 - 1) * 60
    assert money.total == pytest.approx(money.revenue + money.brought + money.replacing)


def test_without_figures_there_is_no_money() -> None:
    policy = changed_policy(lambda content: content["insights"].pop("money"))
    (berg,) = bergs([Affected("call", "attitude", 1, 0)], policy.file.insights, {})
    assert berg.money is None
    told = basis_in_words(berg, policy.file.insights, ENGLISH)
    assert told == "Estimated: 20 silent customers behind each of 1 who complained."


def test_reasons_for_leaving_are_shared_out() -> None:
    told = {"attitude": 68, "product": 14, "competition": 9, "ties": 5, "moved": 3, "death": 1}
    left = [
        Departure(f"{reason}-{number}", reason)
        for reason, count in told.items()
        for number in range(count)
    ]
    found = churn_of(left)
    assert {reason.reason: round(100 * reason.share) for reason in found} == told
    assert [reason.reason for reason in found] == list(told)
    assert {reason.source for reason in found} == {"told"}


def test_who_told_nothing_left_for_what_was_felt_worst() -> None:
    (reason,) = churn_of([Departure("a", None, (("price", -0.2), ("attitude", -0.9)))])
    assert (reason.reason, reason.source) == ("attitude", "felt")


def test_a_reason_is_told_only_where_somebody_told_it() -> None:
    life = Life()
    for data in ({"reason": "attitude"}, {"reason": "other"}, {}):
        life.happen("touchpoint.customer.left.v1", "2026-03-01T09:00:00Z", data)
    told = [outcome.contribution for outcome in life.outcomes]
    details = [each.details for each in told if each is not None]
    assert [None if each is None else each.reason for each in details] == [
        "attitude",
        "other",
        None,
    ]


def test_intervals_are_those_of_textbooks() -> None:
    # Newcombe 1998, table I: 81 of 263 and 15 of 148, by score
    assert interval_95(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval_95(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert student_95(10) == pytest.approx(2.228, abs=5e-3)


def test_the_size_needed_is_that_of_textbooks() -> None:
    # Half a standard deviation, 80 % of the time: 63 in each group by the normal
    assert needed_each(1.0, 0.5) == 63


def test_too_few_scores_have_an_uplift_and_no_interval() -> None:
    arms = [Arm("gift", False, 9, 9, 60.0, 4.0, 1.0), Arm("gift", True, 9, 9, 58.0, 4.0, 1.0)]
    (found,) = experiments_of(arms)
    assert (found.uplift, found.low, found.high) == (2.0, None, None)
    assert found.needed == 63


def test_an_action_of_which_nobody_was_held_out_is_no_experiment() -> None:
    assert experiments_of([Arm("gift", False, 9, 9, 60.0, 4.0, 1.0)]) == []
    (found,) = experiments_of([Arm("gift", True, 9, 0, None, None, 1.0)])
    assert (found.treated, found.uplift, found.needed) == (0, None, None)


def test_what_to_improve_is_what_lost_most_where_it_is_lost() -> None:
    rows = [
        Sums("ann", "attitude", 40, 40, 12.0, 28.0, 0.0, 4.0),
        Sums("ann", "resolution", 40, 40, 24.0, 28.0, 0.0, 1.0),
        Sums("ann", "", 40, moved=-80.0),
    ]
    group = grouped("staff", rows, PLACES)["ann"]
    lost = [
        Sums("call", "attitude", lost=3.0),
        Sums("visit", "attitude", lost=1.0),
        Sums("visit", "resolution", lost=1.0),
    ]
    remedy = remedy_of(group, sorest_touchpoints(lost), PLACES, FILE)
    measures = ("ratings.attitude", "ratings.voice")
    assert remedy == Remedy("attitude", 0.3, 0.7, "front_line", "call", measures)
    assert remedy_in_words(remedy, ENGLISH) == (
        "Lowered most by attitude: felt at 30% where 70% is expected; front line answers for it. "
        "Most of it is lost at: call; look first at what tells of it there: ratings.attitude and "
        "ratings.voice."
    )
    assert "期望 70%" in remedy_in_words(remedy, CHINESE)


def test_what_is_felt_as_expected_needs_no_improvement() -> None:
    rows = [Sums("a", "attitude", 40, 40, 30.0, 28.0, 1.0, 0.5)]
    group = grouped("tier", rows, PLACES)["a"]
    assert remedy_of(group, {}, PLACES, FILE) is None


def test_what_the_policy_does_not_know_has_no_measures() -> None:
    assert measures_of(FILE, "no_such_touchpoint", "attitude") == ()
    assert measures_of(FILE, "call", "price") == ()


def test_an_unasked_touch_that_felt_bad_in_nothing_tired_the_customer() -> None:
    row = FallRow("c", START, "e1", "courtesy_call", None, None, 70.0, 68.5)
    fall = fall_of(row, FILE)
    assert (fall.dimension, fall.department, fall.points) == ("fatigue", "care", -1.5)
    asked = fall_of(row._replace(touchpoint="call"), FILE)
    assert (asked.dimension, asked.department) == (None, None)


def test_a_dimension_that_left_the_policy_has_no_layer_and_stays_itself() -> None:
    rows = [Sums("gold", "charm", 3, 3, 1.0, 2.0, 0.0, 0.4)]
    assert grouped("layer", rows, PLACES) == {}
    assert set(grouped("dimension", rows, PLACES)) == {"charm"}


def test_a_curve_of_too_many_points_is_refused() -> None:
    assert len(list(buckets("hour", START, START + timedelta(days=2)))) == 48
    with pytest.raises(ValueError, match="coarser grain"):
        buckets("minute", START, START + timedelta(minutes=MOST_POINTS + 1))


def test_what_recurs_for_too_few_customers_is_no_rule() -> None:
    for_two = [CaredFor("tea", "late", "", f"c{n}", 5, 1.0) for n in range(2)]
    assert recurring(for_two, FILE) == []
    for_three = [CaredFor(care, "late", "", care, 2, 1.0) for care in ("Tea", "tea", "TEA")]
    (rule,) = recurring(for_three, FILE)
    assert (rule.times, rule.customers, rule.in_policy) == (6, 3, False)
