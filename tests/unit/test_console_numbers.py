"""The numbers of the console: they add up, and say neither more nor less than their source."""

from datetime import UTC, datetime
from math import fsum, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pipeline.adapters.console.campaigns import latest
from pipeline.adapters.console.figures import waterfall_figure
from pipeline.adapters.console.health import numbers_of
from pipeline.adapters.console.lives import Stage, lives_of
from pipeline.adapters.console.operator import heat_of, step_of
from pipeline.adapters.console.speech import speech
from pipeline.adapters.console.waterfall import BY, By, waterfall
from pipeline.adapters.messages import shipped_catalogues
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.core.perceive.explain import explain, places_of
from pipeline.core.perceive.tally import tenths_of
from schemas.care import CampaignReport, CareDecision, Cause, DecisionOutcome
from schemas.insights import Level
from schemas.perception import Part
from tests.unit.core import default_policy
from tests.unit.scores import score_of

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
SAY = speech(shipped_catalogues(), "en", None, "en")
DIMENSIONS = [*default_policy().file.dimensions, "fatigue", "forgotten"]

parts = st.lists(
    st.builds(
        Part,
        st.sampled_from(DIMENSIONS),
        st.floats(-3, 3),
        st.sampled_from([None, "call", "visit"]),
        st.sampled_from([None, *(f"event-{at}" for at in range(20))]),
        st.sampled_from([None, AT]),
    ),
    max_size=40,
)


@given(parts, st.floats(30, 70), st.sampled_from(BY))
def test_steps_and_rounding_add_up_to_the_score_as_it_is_shown(
    drawn: list[Part], baseline: float, by: By
) -> None:
    total = fsum(part.points for part in drawn)
    shrunk = [
        Part(
            p.dimension,
            p.points * (1 if abs(total) < 20 else 20 / abs(total)),
            p.touchpoint,
            p.event,
            p.at,
        )
        for p in drawn
    ]
    score = score_of(*shrunk, baseline=baseline)
    fall = waterfall(explain(score, places_of(default_policy())), by, SAY)
    assert fall.baseline == tenths_of(baseline)
    assert fall.score == tenths_of(score.score)
    assert fall.baseline + sum(bar.tenths for bar in fall.bars) + fall.rounding == fall.score
    # Each step is off by half a tenth at most, and so are the two ends.
    assert abs(fall.rounding) <= (len(fall.bars) + 2) / 2 + 1
    assert all(bar.tenths for bar in fall.bars)


@given(parts)
def test_chart_draws_what_the_table_tells(drawn: list[Part]) -> None:
    small = [Part(p.dimension, p.points / 10, p.touchpoint, p.event, p.at) for p in drawn]
    fall = waterfall(explain(score_of(*small), places_of(default_policy())), "dimension", SAY)
    trace = waterfall_figure(fall, SAY)["data"][0]
    assert trace["measure"][0] == "absolute"
    assert trace["measure"][-1] == "total"
    assert sum(trace["x"][:-1]) == pytest.approx(trace["x"][-1])
    assert len(trace["x"]) == len(trace["y"]) == len(trace["text"])


def test_rounding_is_a_step_of_its_own() -> None:
    parts = [Part(name, 0.14, "call", "e", AT) for name in ("access", "trust", "mood")]
    fall = waterfall(explain(score_of(*parts), places_of(default_policy())), "dimension", SAY)
    assert [bar.tenths for bar in fall.bars] == [1, 1, 1]
    assert (fall.baseline, fall.rounding, fall.score) == (750, 1, 754)
    names = waterfall_figure(fall, SAY)["layout"]["yaxis"]["ticktext"]
    assert names[-2:] == ["Rounding", "Score"]


def _decision(outcome: DecisionOutcome, name: str = "a") -> CareDecision:
    return CareDecision(
        id=name,
        action="call_back",
        customer="ann",
        cause=Cause("/calls", "c-1"),
        decided_at=AT,
        outcome=outcome,
        reason="why",
        detail="",
        policy="00",
    )


@pytest.mark.parametrize(
    ("outcomes", "stage"),
    [
        (["held"], "held"),
        (["proposed", "held"], "waiting"),
        (["allocated", "proposed"], "waiting"),
        (["requested", "allocated", "proposed"], "under_way"),
        (["settled", "requested"], "done"),
        (["recorded"], "done"),
        (["withheld", "held"], "refused"),
        (["not_funded", "proposed"], "refused"),
        (["expired", "held"], "refused"),
    ],
)
def test_proposal_stands_where_its_steps_have_brought_it(
    outcomes: list[DecisionOutcome], stage: Stage
) -> None:
    lives = lives_of([_decision(outcome) for outcome in outcomes], [])
    (life,) = getattr(lives, stage)
    assert life.stage == stage
    assert life.latest.outcome == outcomes[0]
    assert sum(len(each) for each in lives) == 1


def test_proposals_are_not_mixed() -> None:
    lives = lives_of(
        [_decision("settled", "a"), _decision("held", "b"), _decision("requested", "a")], []
    )
    assert [life.id for life in lives.done] == ["a"]
    assert [life.id for life in lives.held] == ["b"]


def test_equation_says_what_is_missing() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.records_read.labels("perceive").inc(10)
    metrics.records.labels("perceive", "processed").inc(6)
    metrics.records.labels("perceive", "duplicate").inc(2)
    metrics.records_read.labels("allocate").inc(3)
    metrics.records.labels("allocate", "dead_letter").inc(3)
    allocate, perceive = numbers_of(metrics.registry).balances
    assert (allocate.stage, allocate.dead_letter, allocate.missing) == ("allocate", 3, 0)
    assert (perceive.read, perceive.processed, perceive.duplicate) == (10, 6, 2)
    assert perceive.missing == 2


def test_latency_is_told_as_bounds_that_hold() -> None:
    metrics = Metrics(CollectorRegistry())
    for seconds in [0.004] * 10 + [0.3] * 9 + [100.0]:
        metrics.chunk_seconds.labels("perceive").observe(seconds)
    (spread,) = [s for s in numbers_of(metrics.registry).spreads if s.times]
    assert spread.times == 20
    assert spread.half == 0.005
    assert spread.most == 0.5
    assert spread.mean == pytest.approx((0.04 + 2.7 + 100) / 20)
    metrics.chunk_seconds.labels("perceive").observe(100.0)
    (spread,) = [s for s in numbers_of(metrics.registry).spreads if s.times]
    assert spread.most == inf


def test_empty_registry_has_no_numbers() -> None:
    numbers = numbers_of(CollectorRegistry())
    assert (numbers.balances, numbers.spreads, numbers.gauges) == ((), (), ())


@pytest.mark.parametrize(
    ("gap", "step"),
    [
        (None, "none"),
        (0.0, "even"),
        (-0.019, "even"),
        (-0.02, "low1"),
        (-0.05, "low2"),
        (-0.3, "low3"),
        (0.021, "high1"),
        (0.07, "high2"),
        (0.1, "high3"),
    ],
)
def test_colour_of_a_gap_goes_by_its_size(gap: float | None, step: str) -> None:
    assert step_of(gap) == step


def _cell(dimension: str, tier: str, gap: float | None) -> Level:
    level = None if gap is None else 0.7 + gap
    return Level(
        axis="tier",
        value=tier,
        dimension=dimension,
        touches=3,
        enough=True,
        level=level,
        target=0.7,
        gap=gap,
        low=None,
        high=None,
        trend=None,
        trend_error=None,
        points=0.0,
    )


def test_heat_map_has_a_place_for_every_pair_and_the_worst_dimension_first() -> None:
    heat = heat_of(
        [
            _cell("trust", "gold", 0.1),
            _cell("mood", "gold", -0.2),
            _cell("trust", "ordinary", None),
            _cell("access", "ordinary", -0.3),
        ]
    )
    assert heat.tiers == ("gold", "ordinary")
    assert [name for name, _ in heat.rows] == ["access", "mood", "trust"]
    assert [cell is None for cell in heat.rows[0][1]] == [True, False]
    assert heat_of([]).rows == ()


def _report(name: str, campaign: str) -> CampaignReport:
    return CampaignReport(
        id=name,
        campaign=campaign,
        at=AT,
        proposed=0,
        allocated=0,
        not_funded=0,
        declined=0,
        spent=0.0,
        spent_today=0.0,
        budget=None,
        budget_per_day=None,
        capacity_left=None,
        stock_left=None,
        unserved=(),
        disparities=(),
        policy="00",
    )


def test_only_the_latest_report_of_a_campaign_is_shown() -> None:
    reports = [_report("3", "b"), _report("2", "a"), _report("1", "b")]
    assert [report.id for report in latest(reports)] == ["2", "3"]
