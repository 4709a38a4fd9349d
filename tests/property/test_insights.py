"""What holds of insights whatever was felt: bounds, sums, orders, and whom they leave alone."""

from datetime import UTC, datetime, timedelta
from math import isclose
from statistics import NormalDist

from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.core.insights.certainty import ENOUGH, interval_95, student_95
from pipeline.core.insights.churn import churn_of
from pipeline.core.insights.costs import cost_of
from pipeline.core.insights.curve import buckets, curve_point
from pipeline.core.insights.iceberg import bergs
from pipeline.core.insights.levels import in_order, level_of, mean_of
from pipeline.core.insights.places import Places, added, grouped
from pipeline.core.insights.uplift import experiment_of, needed_each
from pipeline.core.policy.insights import InsightPolicy
from schemas.insight_rows import ActionSums, Affected, Arm, Departure, Sums
from schemas.insights import Axis
from sinks.sql.spans import Piece, covering

AXES: tuple[Axis, ...] = (
    "dimension",
    "layer",
    "touchpoint",
    "channel",
    "department",
    "staff",
    "tier",
    "cohort",
)
PLACES = Places(
    layers={"attitude": "interaction", "waiting": "supporting_service"},
    departments={"attitude": "front_line", "waiting": "shops"},
    points=18.75,
)
START = datetime(2026, 3, 1, tzinfo=UTC)

shares = st.floats(0, 1)
# In millionths, as the store has them: so that sums are exact.
micro = st.integers(0, 1_000_000).map(lambda number: number / 1_000_000)


@st.composite
def rows(draw: st.DrawFn) -> Sums:
    """Sums of one value in one dimension."""
    dimension = draw(st.sampled_from(["", "attitude", "waiting"]))
    touches = draw(st.integers(1, 60))
    felt = draw(st.integers(0, touches)) if dimension else 0
    return Sums(
        value=draw(st.sampled_from(["", "north", "shops"])),
        dimension=dimension,
        touches=touches,
        felt=felt,
        quality=felt * draw(micro),
        expected=felt * draw(micro),
        gained=draw(micro) if dimension else 0.0,
        lost=draw(micro) if dimension else 0.0,
        moved=0.0 if dimension else draw(st.floats(-50, 50)),
    )


tables = st.lists(rows(), max_size=12)


@given(shares, st.integers(0, 10_000))
def test_an_interval_holds_its_mean_within_bounds(mean: float, count: int) -> None:
    low, high = interval_95(mean, count)
    assert 0.0 <= low <= mean <= high <= 1.0


@given(shares, st.integers(1, 5_000))
def test_more_touches_are_surer(mean: float, count: int) -> None:
    low, high = interval_95(mean, count)
    surer = interval_95(mean, 2 * count)
    assert surer[1] - surer[0] < high - low


@given(shares)
def test_enough_touches_tell_a_level_to_less_than_a_zone_of_tolerance(mean: float) -> None:
    low, high = interval_95(mean, ENOUGH)
    assert max(mean - low, high - mean) < 0.2


@given(tables, st.sampled_from(AXES))
def test_a_level_lies_in_its_interval(table: list[Sums], axis: Axis) -> None:
    for group in grouped(axis, table, PLACES).values():
        level = level_of(axis, group.all, None)
        if level.level is None:
            continue
        assert level.low is not None
        assert level.high is not None
        assert level.target is not None
        assert 0.0 <= level.low <= level.level <= level.high <= 1.0
        assert level.gap == level.level - level.target


@given(tables, tables, st.sampled_from(AXES), st.sampled_from([None, "attitude"]))
def test_spans_that_do_not_meet_add_up(
    one: list[Sums], other: list[Sums], axis: Axis, dimension: str | None
) -> None:
    both = grouped(axis, one + other, PLACES, dimension)
    first = grouped(axis, one, PLACES, dimension)
    second = grouped(axis, other, PLACES, dimension)
    assert set(both) == set(first) | set(second)
    for value, group in both.items():
        parts = [found[value].all for found in (first, second) if value in found]
        total = parts[0] if len(parts) == 1 else added(parts[0], parts[1])
        assert group.all.touches == total.touches
        assert group.all.felt == total.felt
        for name in ("quality", "expected", "gained", "lost", "moved"):
            assert isclose(getattr(group.all, name), getattr(total, name), abs_tol=1e-9)


@given(tables, st.sampled_from(AXES))
def test_between_equal_spans_there_is_no_trend(table: list[Sums], axis: Axis) -> None:
    for group in grouped(axis, table, PLACES).values():
        level = level_of(axis, group.all, group.all)
        if level.trend is not None:
            assert level.trend == 0.0
            assert level.trend_error is not None
            assert level.trend_error > 0.0  # even of a mean that no touch strays from


@given(tables)
def test_of_staff_with_too_few_touches_nothing_is_said(table: list[Sums]) -> None:
    for group in grouped("staff", table, PLACES).values():
        level = level_of("staff", group.all, group.all)
        mean = mean_of(group.all)
        told = (level.level, level.target, level.gap, level.low, level.high, level.trend)
        if mean is None or mean.touches < ENOUGH:
            assert told == (None,) * 6
            assert level.points == 0.0
            assert not level.enough
            assert curve_point("staff", START, group.all).level is None
        else:
            assert level.level == mean.level


@given(st.lists(st.tuples(st.text("abc", min_size=1), shares), max_size=8))
def test_staff_stand_by_name_whatever_their_level(staff: list[tuple[str, float]]) -> None:
    levels = [
        level_of("staff", Sums(name, "", 40, 40, 40 * quality, 20.0), None)
        for name, quality in staff
    ]
    names = [level.value for level in in_order("staff", levels)]
    assert names == sorted(names)


def test_a_handful_of_bad_touches_does_not_come_first() -> None:
    few = level_of("cohort", Sums("few", "", 3, 3, 0.0, 2.1), None)
    many = level_of("cohort", Sums("many", "", 300, 300, 180.0, 210.0), None)
    fine = level_of("cohort", Sums("fine", "", 300, 300, 240.0, 210.0), None)
    order = in_order("cohort", [few, fine, many])
    assert [level.value for level in order] == ["many", "fine", "few"]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 9)),  # noqa: DTZ001
    st.integers(0, 6 * 86_400),
    st.integers(0, 6 * 86_400),
)
def test_pieces_cover_a_span_once_and_meet(naive: datetime, seconds: int, more: int) -> None:
    since = naive.replace(tzinfo=UTC)
    middle = since + timedelta(seconds=seconds)
    until = middle + timedelta(seconds=more)
    whole, parts = covering(since, until), covering(since, middle) + covering(middle, until)
    assert _minutes(whole) == _minutes(parts) == list(buckets("minute", since, until))
    assert len(whole) <= 5


def _minutes(pieces: list[Piece]) -> list[datetime]:
    found = [minute for piece in pieces for minute in buckets("minute", piece.since, piece.until)]
    return sorted(found)


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_the_estimate_stands_beside_the_count(complained: int, silent: int) -> None:
    affected = Affected("call", "attitude", complained, silent)
    (berg,) = bergs([affected], InsightPolicy(), {})
    assert berg.affected == affected
    assert berg.estimated == 20 * complained
    assert berg.money is None


@given(
    st.lists(
        st.tuples(
            st.text("xyz", max_size=2),
            st.sampled_from([None, "moved", "product"]),
            st.dictionaries(st.sampled_from(["attitude", "price"]), st.floats(-9, -0.1)),
        )
    )
)
def test_shares_of_churn_sum_to_one(left: list[tuple[str, str | None, dict[str, float]]]) -> None:
    reasons = churn_of(Departure(name, told, tuple(lost.items())) for name, told, lost in left)
    assert sum(reason.customers for reason in reasons) == len({name for name, _, _ in left})
    if left:
        assert isclose(sum(reason.share for reason in reasons), 1.0)


@given(st.floats(0, 1e6), st.floats(-1e6, 1e6))
def test_no_gain_has_no_price(cost: float, gained: float) -> None:
    found = cost_of(ActionSums("gift", 1, 1, 0, cost, 1.0, gained))
    if found.per_point is None:
        assert gained <= 0.0
    else:
        assert found.per_point >= 0.0


arms = st.tuples(st.integers(10, 500), st.floats(0, 100), st.floats(0.01, 400))


@given(arms, arms)
def test_an_interval_of_uplift_holds_it_and_turns_with_the_groups(
    one: tuple[int, float, float], other: tuple[int, float, float]
) -> None:
    def arm(held_out: bool, numbers: tuple[int, float, float]) -> Arm:
        count, mean, variance = numbers
        return Arm("gift", held_out, count, count, mean, variance, 1.0)

    found = experiment_of(arm(False, one), arm(True, other))
    turned = experiment_of(arm(False, other), arm(True, one))
    assert found.uplift is not None
    assert found.low is not None
    assert found.high is not None
    assert turned.low is not None
    assert found.low <= found.uplift <= found.high
    assert isclose(-turned.low, found.high, abs_tol=1e-9)


@given(st.floats(0.1, 40), st.floats(0.1, 20))
def test_half_the_effect_needs_four_times_the_customers(deviation: float, effect: float) -> None:
    needed, more = needed_each(deviation, effect), needed_each(deviation, effect / 2)
    assume(needed > 2)
    assert 4 * (needed - 1) <= more <= 4 * needed


@given(st.floats(9, 1e6))
def test_students_t_is_wider_than_the_normal(freedom: float) -> None:
    assert NormalDist().inv_cdf(0.975) < student_95(freedom) < 2.2622
