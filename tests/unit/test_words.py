"""A score in sentences: literal ones in both languages, and figures that always add up."""

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import cache
from math import fsum, nextafter
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.messages import Catalogues, shipped_catalogues
from pipeline.core.perceive.explain import explain, places_of
from pipeline.core.perceive.tally import rounded
from pipeline.core.perceive.words import MOST_GROUPS, in_words
from schemas.perception import Kind, Part, Score, Sign
from tests.unit.core import default_policy
from tests.unit.scores import at, part, reading, rest, score_of, tired

MAY_3, LATER_ON_MAY_3 = "2026-05-03T09:30:00Z", "2026-05-03T17:30:00Z"
MAY_4 = "2026-05-04T09:30:00Z"

ABANDONED = (
    part("connect_speed", -6.5, "call", "c-1", MAY_3),
    part("connect_speed", -3.0, "call", "c-2", LATER_ON_MAY_3),
    part("resolution", -1.5, "call", "c-2", LATER_ON_MAY_3),
    part("resolution", 3.0, "call", "c-3", MAY_4),
)


@cache
def catalogues() -> Catalogues:
    return shipped_catalogues()


def told(
    score: Score, language: str = "en", zone: tzinfo = UTC, most: int = MOST_GROUPS
) -> tuple[str, ...]:
    explanation = explain(score, places_of(default_policy()))
    by = catalogues().choose([language])
    return in_words(score, explanation, by, zone=zone, most_groups=most)


def test_calls_of_one_day_are_told_together_and_the_call_back_apart() -> None:
    assert told(score_of(*ABANDONED, rest("mood", 2.1), events=40)) == (
        "The score is 69.1: 5.9 points below the 75.0 of a customer who felt nothing.",
        "2 calls on 3 May 2026 cost 11.0 points (connect speed and resolution).",
        "1 call on 4 May 2026 gave 3.0 points (resolution).",
        "37 earlier and smaller events: +2.1 points.",
        "By department: call centre -9.5 and front line +3.6.",
        "By layer of service: supporting service -9.5, emotion +2.1, and interaction +1.5.",
        "The relationship is at the stage of exchange.",
    )


def test_the_same_in_chinese() -> None:
    assert told(score_of(*ABANDONED, rest("mood", 2.1), events=40), "zh") == (
        "评分为 69.1，比毫无感受的客户的 75.0 低 5.9 分。",
        "2026年5月3日，通话 2 次，扣 11.0 分（接通速度和问题解决）。",
        "2026年5月4日，通话 1 次，加 3.0 分（问题解决）。",
        "另有 37 次较早或较小的事件：+2.1 分。",
        "按部门：呼叫中心 -9.5和一线 +3.6。",
        "按服务层次：支持性服务 -9.5、情感 +2.1和互动 +1.5。",
        "关系处于交换阶段。",
    )


def test_what_a_call_cost_and_what_it_gave_are_told_apart() -> None:
    both = (
        part("connect_speed", -5.0, "call", "c-1", MAY_3),
        part("attitude", 1.0, "call", "c-1", MAY_3),
    )
    assert told(score_of(*both))[1:3] == (
        "1 call on 3 May 2026 cost 5.0 points (connect speed).",
        "1 call on 3 May 2026 gave 1.0 points (attitude).",
    )


def test_day_is_that_of_the_zone() -> None:
    evening = score_of(part("mood", -1.0, "call", "c-1", LATER_ON_MAY_3))
    assert "on 3 May 2026" in told(evening)[1]
    assert "on 4 May 2026" in told(evening, zone=ZoneInfo("Asia/Shanghai"))[1]
    assert (
        "on 2 May 2026"
        in told(
            score_of(part("mood", -1.0, "call", "c-1", "2026-05-03T01:00:00Z")),
            zone=ZoneInfo("America/New_York"),
        )[1]
    )


def test_too_many_contacts_are_told_by_channel() -> None:
    tires = score_of(tired("sms", -1.2), tired("other", -0.4), events=9)
    assert told(tires)[1:3] == (
        "Too many unasked contacts by SMS cost 1.2 points.",
        "Too many unasked contacts by other channels cost 0.4 points.",
    )
    assert told(tires, "zh")[1] == "未经请求的短信联系过多，扣 1.2 分。"
    assert "By department: care -1.6." in told(tires)


def test_strongest_come_first_and_the_weaker_ones_with_the_rest() -> None:
    parts = [part("mood", -n, "call", f"c-{n}", f"2026-05-0{n}T09:00:00Z") for n in range(1, 8)]
    sentences = told(score_of(*parts, rest("mood", 0.5), events=10), most=2)
    assert sentences[1:4] == (
        "1 call on 7 May 2026 cost 7.0 points (mood).",
        "1 call on 6 May 2026 cost 6.0 points (mood).",
        "8 earlier and smaller events: -14.5 points.",
    )
    assert told(score_of(*parts), most=7)[7] == "1 call on 1 May 2026 cost 1.0 points (mood)."


def test_one_event_and_what_is_left_of_named_ones_have_their_own_form() -> None:
    named = part("mood", -2.0, "call", "c-1", MAY_3)
    assert told(score_of(named, rest("mood", -1.0), events=2))[2] == (
        "1 earlier or smaller event: -1.0 points."
    )
    assert told(score_of(named, rest("mood", -1.0), events=1))[2] == (
        "What is left of these touches: -1.0 points."
    )


def test_what_rounds_to_nothing_is_not_told() -> None:
    sentences = told(score_of(part("mood", 0.01, "call", "c-1", MAY_3), rest("trust", -0.02)))
    assert sentences == (
        "The score is 75.0, that of a customer who felt nothing.",
        "The relationship is at the stage of exchange.",
    )
    assert told(score_of()) == sentences


def test_name_the_catalogue_does_not_have_is_shown_as_the_policy_writes_it() -> None:
    strange = part("leg_room", -2.0, "night_train", "n-1", MAY_3)
    sentences = told(score_of(strange), "zh")
    assert sentences[1] == "2026年5月3日，night train 1 次，扣 2.0 分（leg room）。"
    assert sentences[2] == "按部门：策略中已不存在 -2.0。"


def test_ratio_is_told_with_its_band_and_never_rounded_up_to_the_target() -> None:
    dimensions = (reading("waiting", 0.66, 0.7), reading("attitude", 0.7, 0.7))
    below = score_of(ratio=0.9999, band="tolerated", dimensions=dimensions)
    assert told(below)[1:3] == (
        "Service is felt at 99% of what is expected: tolerated.",
        "Felt against expected by layer of service: supporting service 94% and interaction 100%.",
    )
    at_target = score_of(ratio=1.0, band="satisfied", dimensions=dimensions)
    assert told(at_target, "zh")[1] == "感受到的服务为期望的 100%：满意。"


def test_what_lifts_the_expectation_is_told_source_by_source() -> None:
    dimensions = (
        reading("connect_speed", 0.7, 0.8, norm=0.7, competition=0.9),
        reading("resolution", 0.7, 0.8, norm=0.7, promise=0.95, experience=0.05),
        reading("waiting", 0.7, 0.6, norm=0.7, promise=0.5, experience=0.004),
    )
    assert told(score_of(dimensions=dimensions))[3:6] == (
        "A rival's offer of 90% in connect speed lifts what is expected; the norm is 70%.",
        "An open promise of 95% in resolution lifts what is expected; the norm is 70%.",
        "Earlier good service lifts what is expected: resolution by 5%.",
    )


def test_open_failures_and_overdue_promises_are_told() -> None:
    assert told(score_of(open_failures=1, open_promises=3, overdue_promises=2))[1:3] == (
        "1 failure has not been made good.",
        "2 promises are overdue.",
    )
    assert told(score_of(open_failures=2, overdue_promises=1), "zh")[1:3] == (
        "有 2 次失误尚未补救。",
        "有 1 项承诺已逾期。",
    )


def test_kind_of_customer_is_told_with_its_reasons() -> None:
    mood = Sign("quality", 0.349999, 0.35, "mood")
    behaviour = Kind("agitated", (mood, Sign("complaints", 3.0, 2.5)))
    stage = Kind("interdependence", (Sign("tenure_days", 200.4, 180.0),))
    score = score_of(behaviour=behaviour, stage=stage)
    assert told(score)[1:] == (
        "The customer seems agitated: quality of mood 0.349999 (below 0.350000) and"
        " complaints 3.00 (above 2.50).",
        "The relationship is at the stage of interdependence: days known 200 (above 180).",
    )
    assert told(score, "zh")[2] == "关系处于相互依存阶段：相识天数 200（高于 180）。"


def test_merged_customer_is_told_of() -> None:
    merged = score_of(merged_into="bob")
    assert told(merged)[-1] == "This customer turned out to be bob, who has the score."


_POINTS = st.floats(-30.0, 30.0)
_MOMENTS = st.sampled_from([MAY_3, LATER_ON_MAY_3, MAY_4])
_NAMED = st.builds(
    part,
    st.sampled_from(["mood", "resolution", "forgotten"]),
    _POINTS,
    st.sampled_from(["call", "visit"]),
    st.sampled_from("abcdefgh"),
    _MOMENTS,
)
_PARTS = st.lists(
    _NAMED
    | st.builds(rest, st.sampled_from(["mood", "resolution"]), _POINTS)
    | st.builds(tired, st.sampled_from(["sms", "phone"]), st.floats(-5.0, -1e-9)),
    max_size=12,
)


def _tenths(figures: Sequence[str]) -> int:
    return sum(round(float(figure) * 10) for figure in figures)


@given(parts=_PARTS, baseline=st.floats(1.0, 99.0), most=st.integers(0, 8))
def test_figures_shown_add_up_to_the_difference_shown(
    parts: list[Part], baseline: float, most: int
) -> None:
    score = score_of(*parts, baseline=baseline, events=20)
    headline, *others = told(score, most=most)
    found = re.match(
        r"The score is (\S+?)(?:: (\S+) points (above|below) the (\S+) of|, )", headline
    )
    assert found is not None, headline
    shown, size, way, base = found.groups()
    difference = 0 if size is None else _tenths([size]) * (1 if way == "above" else -1)
    if base is not None:
        assert _tenths([shown]) - difference == _tenths([base])
    assert abs(difference - (score.score - score.baseline) * 10) <= 1.0 + 1e-9
    text = "\n".join(others)
    cost, gave = (re.findall(rf" {how} (\S+) points", text) for how in ("cost", "gave"))
    left = re.findall(r": ([+-]\S+) points", text)
    assert len(left) <= 1
    assert "0.0" not in cost + gave + left
    assert _tenths(gave) - _tenths(cost) + _tenths(left) == difference
    for way in ("department", "layer of service"):
        sums = re.search(rf"By {way}: (.*)\.$", text, re.MULTILINE)
        figures = re.findall(r"[+-]\d+\.\d", sums.group(1)) if sums else []
        if sums or not parts:
            assert _tenths(figures) == difference
        else:
            assert difference == 0


@given(points=st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=20))
def test_each_figure_is_within_a_tenth_of_its_value(points: list[float]) -> None:
    total = round(fsum(points) * 10)
    figures = rounded(points, total)
    assert sum(figures) == total
    assert all(
        abs(figure - each * 10) <= 1.0 + 1e-9 for figure, each in zip(figures, points, strict=True)
    )


def test_largest_figure_bears_what_two_rounded_scores_are_apart() -> None:
    assert rounded([1.0, 2.0], 29) == [10, 19]
    assert rounded([1.0, -2.0, 0.5], -3) == [11, -19, 5]
    assert rounded([1.0, -2.0], -11) == [10, -21]
    assert rounded([], 0) == []


def test_nothing_felt_makes_no_difference_by_rounding() -> None:
    between = score_of(baseline=0.25, score=nextafter(0.25, 1.0))
    assert told(between)[0] == "The score is 0.2, that of a customer who felt nothing."


def test_parts_of_no_known_time_are_told_with_the_rest() -> None:
    timeless = Part("mood", -1.0, "call", "c-1")
    known = part("mood", -2.0, "call", "c-2", MAY_3)
    assert told(score_of(timeless, known, as_of=at(MAY_3)))[2] == (
        "1 earlier or smaller event: -1.0 points."
    )
