"""Insights of what a sink wrote, the same on each database."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from pipeline.adapters.http.ports import Insights
from pipeline.adapters.insights import SqlInsights
from pipeline.bootstrap.insights import make_insights
from schemas.care import CareDecision
from schemas.insights import ChurnReason
from schemas.perception import Contribution, Details
from sinks.sql.pages import BadCursor
from tests.contract import outbound_samples as samples
from tests.contract.insight_rows import START, decision, left, score, touch, write
from tests.unit.core import Life, default_policy

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RUDE = {"attitude": (0.1, 0.7, -0.5), "resolution": (0.6, 0.7, -0.1)}
FINE = {"attitude": (0.9, 0.7, 0.1)}


@pytest.fixture
def insights(engine: Engine) -> SqlInsights:
    return make_insights(engine, default_policy, now=lambda: START + DAY)


def rude(customer: str, number: int, at: timedelta, **changes: object) -> Contribution:
    """A call that took eight points."""
    given: dict[str, object] = {"felt": RUDE, "moved": -8.0} | changes
    return touch(customer, number, at=at, **given)  # type: ignore[arg-type]


def complaint(customer: str, number: int, at: timedelta, topic: str | None = None) -> Contribution:
    return touch(
        customer,
        number,
        at=at,
        type="touchpoint.complaint.opened.v1",
        touchpoint="complaint",
        intent="complaint",
        channel=None,
        topic=topic,
        felt={"recovery": (0.2, 0.6, -0.9)},
        moved=-10.0,
    )


def test_levels_are_of_the_span_and_their_trend_against_the_one_before(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        *(touch(f"c{n}", n, at=n * HOUR / 2, felt=FINE, moved=0.5) for n in range(40)),
        *(rude(f"c{n}", 100 + n, DAY + n * HOUR / 2) for n in range(40)),
        touch("c1", 999, at=2 * DAY, felt=FINE),  # behind the span
    )
    found = insights.levels("dimension", since=START + DAY, until=START + 2 * DAY)
    levels = {level.value: level for level in found}
    attitude = levels["attitude"]
    assert (attitude.touches, attitude.enough, attitude.department) == (40, True, "front_line")
    assert attitude.level == pytest.approx(0.1)
    assert attitude.target == pytest.approx(0.7)
    assert attitude.gap == pytest.approx(-0.6)
    assert attitude.trend == pytest.approx(-0.8)
    assert levels["resolution"].trend is None  # nobody had felt it before
    assert [level.value for level in found] == ["attitude", "resolution"]
    assert attitude.improvement is not None
    assert "ratings.attitude" in attitude.improvement
    assert "front line" in attitude.improvement
    told, _ = insights.levels("dimension", since=START + DAY, until=START + 2 * DAY, language="zh")
    assert told.improvement is not None
    assert "一线" in told.improvement
    (call,) = insights.levels("touchpoint", since=START + DAY, until=START + 2 * DAY)
    assert (call.value, call.touches) == ("call", 40)
    assert call.points == pytest.approx(-320.0)
    assert call.trend == pytest.approx((0.1 + 0.6) / 2 - 0.9)


def test_what_names_no_department_counts_for_the_one_that_answers(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        touch("a", 1, felt={"waiting": (0.2, 0.7, -0.3)}),  # shops, by the policy
        touch("b", 2, felt={"waiting": (0.6, 0.7, -0.1)}, department="north"),
    )
    found = insights.levels("department", since=START, until=START + DAY)
    levels = {level.value: level.level for level in found}
    assert levels == {"shops": pytest.approx(0.2), "north": pytest.approx(0.6)}
    curve = insights.curve("department", "shops", grain="hour", since=START, until=START + 3 * HOUR)
    assert [(point.at, point.level) for point in curve] == [
        (START, pytest.approx(0.2)),
        (START + HOUR, None),
        (START + 2 * HOUR, None),
    ]


def test_staff_are_not_judged_by_a_handful_and_stand_by_name(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        *(rude(f"c{n}", n, n * HOUR / 2, staff="zoe") for n in range(30)),
        *(touch(f"c{n}", 100 + n, at=n * HOUR / 2, felt=FINE, staff="bob") for n in range(30)),
        *(rude(f"c{n}", 200 + n, n * HOUR / 2, staff="ann") for n in range(29)),
    )
    ann, bob, zoe = insights.levels("staff", since=START, until=START + DAY)
    assert [each.value for each in (ann, bob, zoe)] == ["ann", "bob", "zoe"]
    assert (ann.enough, ann.level, ann.target, ann.gap, ann.low, ann.points) == (
        (False, None, None, None, None, 0.0)
    )
    assert ann.improvement is None
    assert bob.level == pytest.approx(0.9)
    assert zoe.improvement is not None


def test_sums_over_a_span_are_those_of_its_minutes(engine: Engine, insights: SqlInsights) -> None:
    write(engine, *(rude(f"c{n}", n, n * timedelta(minutes=37)) for n in range(160)))
    since, until = START + 1.3 * HOUR, START + 3.7 * DAY
    (whole,) = insights.levels("tier", since=since, until=until, dimension="attitude")
    curve = insights.curve(
        "tier", "ordinary", grain="minute", since=since, until=until, dimension="attitude"
    )
    assert whole.touches == sum(point.touches for point in curve) > 100
    assert whole.points == pytest.approx(sum(point.points for point in curve))


def test_the_matrix_is_by_dimension_and_tier(engine: Engine, insights: SqlInsights) -> None:
    write(engine, rude("a", 1, HOUR), touch("b", 2, felt=FINE, tier="gold"))
    found = insights.matrix(since=START, until=START + DAY)
    cells = {(level.dimension, level.value): level.level for level in found}
    assert cells == {
        ("attitude", "ordinary"): pytest.approx(0.1),
        ("resolution", "ordinary"): pytest.approx(0.6),
        ("attitude", "gold"): pytest.approx(0.9),
    }


def test_behind_one_complaint_twenty_are_estimated_and_the_silent_are_found(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        *(rude(f"c{n:02}", n, n * HOUR) for n in range(8)),
        touch("fine", 50, felt=FINE),
        complaint("c00", 60, DAY),
        left("c07", 70, DAY, "moved"),
        *(score(f"c{n:02}", 60.0 - n) for n in range(8)),
        score("fine", 80.0),
    )
    (berg,) = insights.icebergs(since=START, until=START + DAY)
    assert (berg.touchpoint, berg.dimension, berg.department) == ("call", "attitude", "front_line")
    assert (berg.complained, berg.silent, berg.estimated) == (1, 7, 20.0)
    # 21 customers: a year of 1200, six times 60 to win new ones less 60, and 0.15 of 1200
    assert berg.at_risk == pytest.approx(21 * (1200 + 300 + 180))
    assert berg.currency == "CNY"
    assert "20 silent customers behind each of 1 who complained" in berg.basis
    (told,) = insights.icebergs(since=START, until=START + DAY, language="zh")
    assert "位沉默" in told.basis
    (told,) = insights.icebergs(since=START, until=START + DAY, language="tlh")  # not spoken
    assert told == berg
    page = insights.silent("call", "attitude", 4, since=START, before=None)
    rest = insights.silent("call", "attitude", 4, since=START, before=page.next)
    found = [*page.items, *rest.items]
    assert [each.customer for each in found] == ["c06", "c05", "c04", "c03", "c02", "c01"]
    assert rest.next is None
    assert (found[0].score, found[0].event, found[0].points) == (54.0, "e6", -8.0)
    assert found[0].felt_at == START + 6 * HOUR


def test_who_complained_of_something_else_or_before_is_silent(
    engine: Engine, insights: SqlInsights
) -> None:
    open_case = samples.case("holds", 0)
    write(
        engine,
        *(rude(name, n, 2 * HOUR, topic="bill") for n, name in enumerate(("other", "holds"))),
        *(rude(name, 5 + n, 2 * HOUR, topic="bill") for n, name in enumerate(("early", "same"))),
        complaint("other", 10, 3 * HOUR, "queue"),
        complaint("early", 11, HOUR, "bill"),
        complaint("same", 12, 3 * HOUR, "bill"),
        replace(open_case, opened_at=START, topic=None, closed_at=None),
        *(score(name, 50.0) for name in ("other", "holds", "early", "same")),
    )
    page = insights.silent("call", "attitude", 9, since=START, before=None)
    assert [each.customer for each in page.items] == ["early", "other"]


def test_the_latest_of_several_experiences_is_shown_and_one_complaint_is_enough(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        rude("twice", 1, HOUR),
        rude("twice", 2, 2 * HOUR),
        rude("spoke", 3, HOUR),
        complaint("spoke", 4, 2 * HOUR),
        rude("spoke", 5, 3 * HOUR),
        rude("gone", 6, HOUR),
        score("twice", 50.0),
        score("spoke", 50.0),
        score("gone", 50.0, merged_into="twice"),
    )
    page = insights.silent("call", "attitude", 9, since=START, before=None)
    assert [(each.customer, each.event) for each in page.items] == [("twice", "e2")]


def test_falls_name_dimension_touchpoint_and_department(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        rude("a", 1, HOUR),
        rude("b", 2, HOUR, department="north"),
        touch("c", 3, at=2 * HOUR, touchpoint="gift", moved=-2.0, felt={}),
        touch("d", 4, at=3 * HOUR, moved=-0.9, felt=RUDE),  # less than a point
        touch(None, 5, at=3 * HOUR, felt=RUDE),
        rude("e", 6, -HOUR),
    )
    first = insights.falls(2, since=START, before=None)
    second = insights.falls(2, since=START, before=first.next)
    assert second.next is None
    assert [
        (fall.customer, fall.touchpoint, fall.dimension, fall.department, fall.points, fall.score)
        for fall in (*first.items, *second.items)
    ] == [
        ("c", "gift", "fatigue", "care", -2.0, 73.0),
        ("b", "call", "attitude", "north", -8.0, 67.0),
        ("a", "call", "attitude", "front_line", -8.0, 67.0),
    ]


def test_what_the_pipeline_writes_is_what_insights_read(
    engine: Engine, insights: SqlInsights
) -> None:
    life = Life()
    call = {
        "direction": "inbound",
        "talk_seconds": 60,
        "intent": "help",
        "resolved": False,
        "ratings": {"attitude": 3},
        "department": "north",
    }
    life.happen("touchpoint.call.completed.v1", "2026-03-02T09:00:00Z", call)
    life.happen("touchpoint.customer.left.v1", "2026-03-02T10:00:00Z", {"reason": "attitude"})
    write(engine, *life.contributions())
    (fall,) = insights.falls(9, since=START, before=None).items
    assert (fall.customer, fall.touchpoint, fall.dimension) == ("customer-1", "call", "resolution")
    assert fall.department == "north"
    assert fall.score < 75.0
    assert fall.score - fall.points == pytest.approx(75.0)
    (reason,) = insights.churn(since=START, until=START + DAY)
    assert (reason.reason, reason.source) == ("attitude", "told")
    (north,) = insights.levels("department", since=START, until=START + DAY)
    assert (north.value, north.touches) == ("north", 1)
    assert north.points == pytest.approx(fall.points)


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WzEsMl0", "~~~", "a" * 2000])
def test_a_cursor_that_no_page_gave_is_refused(insights: SqlInsights, cursor: str) -> None:
    with pytest.raises(BadCursor):
        insights.falls(2, since=START, before=cursor)
    with pytest.raises(BadCursor):
        insights.silent("call", "attitude", 2, since=START, before=cursor)


def test_churn_is_as_told_and_else_what_was_felt_worst(
    engine: Engine, insights: SqlInsights
) -> None:
    write(
        engine,
        left("a", 1, DAY, "attitude"),
        left("b", 2, DAY, "attitude"),
        left("c", 3, DAY, None),
        rude("c", 4, HOUR),
        touch("c", 5, at=2 * HOUR, felt={"waiting": (0.1, 0.7, -0.3)}),
        touch("c", 6, at=3 * HOUR, felt={"waiting": (0.1, 0.7, -0.3)}),
        rude("c", 7, 2 * DAY),  # after leaving
        left("d", 8, DAY, None),
        left("d", 9, DAY + HOUR, "moved"),  # told later
        left("e", 10, DAY, None),
        left("f", 11, 5 * DAY, "death"),
    )
    assert insights.churn(since=START, until=START + 4 * DAY) == [
        ChurnReason(reason="attitude", customers=2, share=0.4, source="told"),
        ChurnReason(reason="moved", customers=1, share=0.2, source="told"),
        ChurnReason(reason="unknown", customers=1, share=0.2, source="felt"),
        ChurnReason(reason="waiting", customers=1, share=0.2, source="felt"),
    ]


def test_costs_are_per_point_gained(engine: Engine, insights: SqlInsights) -> None:
    def delivered(customer: str, number: int, about: str, moved: float) -> Contribution:
        return touch(
            customer,
            number,
            at=HOUR,
            moved=moved,
            details=Details(about=about),
            touchpoint="message",
        )

    write(
        engine,
        decision("a1", "a", "requested", cost=2.0, gain=1.0),
        decision("a1", "a", "settled", reason="done", cost=3.0),
        decision("a2", "b", "requested", cost=2.0, gain=1.0),
        decision("a3", "c", "withheld", reason="cap"),
        decision("a4", "d", "withheld", reason="cap", at=2 * DAY),
        decision("b1", "a", "requested", action="apology", cost=1.0),
        delivered("a", 1, "a1", 1.5),
        delivered("b", 2, "a2", 0.5),
        delivered("a", 3, "b1", -0.5),
        touch("a", 4, at=2 * HOUR, moved=9.0),
    )
    apology, thanks = insights.costs(since=START, until=START + DAY)
    assert (thanks.requested, thanks.settled, thanks.withheld) == (2, 1, 1)
    assert (thanks.cost, thanks.expected_gain, thanks.gained) == (5.0, 2.0, 2.0)
    assert thanks.per_point == pytest.approx(2.5)
    assert (apology.action, apology.gained, apology.per_point) == ("apology", -0.5, None)


def test_uplift_is_of_the_score_last_known_of_each_customer(
    engine: Engine, insights: SqlInsights
) -> None:
    rows: list[CareDecision | Contribution] = []
    for n in range(40):
        held = n % 2 == 0
        outcome, reason = ("withheld", "hold_out") if held else ("requested", "initiative")
        rows.append(
            decision(f"d{n}", f"c{n}", outcome, reason=reason, gain=0.5)  # type: ignore[arg-type]
        )
        later = 70.0 + (0.0 if held else 2.0) + (n // 2) % 2
        rows.append(touch(f"c{n}", n, at=20 * DAY, before=75.0, moved=later - 75.0))
        rows.append(touch(f"c{n}", 100 + n, at=90 * DAY, before=1.0))  # too late to tell
    rows.append(decision("x", "c1", "withheld", reason="cap"))
    rows.append(decision("y", "c1", "requested", action="apology"))
    write(engine, *rows)
    (found,) = insights.experiments(since=START, until=START + DAY)
    assert (found.action, found.treated, found.held_out) == ("thank_you", 20, 20)
    assert found.treated_score == pytest.approx(72.5)
    assert found.held_out_score == pytest.approx(70.5)
    assert found.uplift == pytest.approx(2.0)
    assert found.low is not None
    assert found.high is not None
    assert 1.6 < found.low < 2.0 < found.high < 2.4
    assert found.expected == 0.5
    assert found.needed == 17  # 2 (2.802 * 0.513 / 0.5) ** 2


def test_care_by_hand_that_recurs_is_proposed(engine: Engine, insights: SqlInsights) -> None:
    given = {"action": "Call back", "reason": "long_hair", "cost": 0.1}
    write(
        engine,
        *(
            decision(f"r{n}", f"c{n % 3}", "recorded", trigger="low_score", **given)  # type: ignore[arg-type]
            for n in range(6)
        ),
        *(
            decision(f"s{n}", "c1", "recorded", action="flowers", reason="birthday")
            for n in range(9)
        ),
    )
    (rule,) = insights.care_rules(since=START, until=START + DAY)
    assert (rule.care, rule.because, rule.customers, rule.times) == ("Call back", "long_hair", 3, 6)
    assert rule.cost == pytest.approx(0.6)
    assert rule.in_policy


def test_an_empty_store_has_no_insights(engine: Engine) -> None:
    insights: Insights = make_insights(engine, default_policy)  # the port that the edge asks
    since, until = START, START + DAY
    for found in (
        insights.levels("layer", since=since, until=until),
        insights.matrix(since=since, until=until),
        insights.icebergs(since=since, until=until),
        insights.silent("call", "attitude", 9, since=since, before=None).items,
        insights.falls(9, since=since, before=None).items,
        insights.churn(since=since, until=until),
        insights.costs(since=since, until=until),
        insights.experiments(since=since, until=until),
        insights.care_rules(since=since, until=until),
    ):
        assert list(found) == []
    curve = insights.curve("tier", "gold", grain="hour", since=since, until=until)
    assert [point.touches for point in curve] == [0] * 24


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda of: of.falls(5, since=START, before=None), "contributions_fell"),
        (lambda of: of.icebergs(since=START, until=START + DAY), "contributions_fell"),
        (lambda of: of.icebergs(since=START, until=START + DAY), "contributions_complained"),
        (lambda of: of.silent("call", "mood", 5, since=START, before=None), "contributions_fell"),
        (lambda of: of.silent("call", "mood", 5, since=START, before=None), "contributions_left"),
        (lambda of: of.churn(since=START, until=START + DAY), "contributions_left_time"),
    ],
)
def test_what_is_rare_is_found_by_its_index(
    engine: Engine, ask: Callable[[SqlInsights], object], index: str
) -> None:
    """A partial index is used only where the condition of the query is that of the index."""
    asked: list[tuple[str, Any]] = []

    def listen(_one: object, _two: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    ask(make_insights(engine, default_policy))
    event.remove(engine, "before_cursor_execute", listen)
    postgres = engine.dialect.name == "postgresql"
    plans, names = [], [index]
    with engine.begin() as connection:
        if postgres:
            # Of an empty table any plan is as good; bitmaps and scans out of the way, indexes show.
            for way in ("seqscan", "bitmapscan"):
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            # A partition has its part of the index, under a name of its own.
            parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = "
            names += connection.exec_driver_sql(f"{parts}'{index}'::regclass").scalars()
        for statement, parameters in asked:
            how = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
            plans.append(str(connection.exec_driver_sql(f"{how} {statement}", parameters).all()))
    assert any(f" {name} " in plan for plan in plans for name in names), plans
