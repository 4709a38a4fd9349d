"""The explanation in numbers: every part has its place, and every way of adding up agrees."""

from math import fsum

import msgspec
import pytest

from pipeline.core.perceive.explain import Place, explain, places_of
from pipeline.core.perceive.score import full_score
from schemas.perception import Score
from tests.unit.core import Life, changed_policy, default_policy
from tests.unit.scores import part, reading, rest, score_of, tired

WAYS = ("event", "dimension", "layer", "touchpoint", "department")
MAY_3 = "2026-05-03T09:30:00Z"


def _busy_life() -> Score:
    """A customer with named parts, rests of dimensions, a recovery, and two tiring channels."""
    life = Life()
    for day in range(1, 10):
        data = {"wait_seconds": 60 * day, "resolved": True, "ratings": {"attitude": day % 5 + 1}}
        life.happen("touchpoint.visit.completed.v1", f"2026-04-{day:02}T09:00:00Z", data)
    failed = {"intent": "fault", "abandoned": True, "resolved": False, "topic": "card"}
    life.happen("touchpoint.call.completed.v1", MAY_3, failed)
    back = {"intent": "fault", "direction": "outbound", "resolved": True, "topic": "card"}
    life.happen("touchpoint.call.completed.v1", "2026-05-04T09:30:00Z", back)
    for channel in ("sms", "chat"):
        for hour in range(10, 17):
            data = {"channel": channel, "purpose": "marketing", "proactive": True}
            life.happen("touchpoint.message.delivered.v1", f"2026-05-05T{hour}:00:00Z", data)
    return full_score(life.name, life.state, life.policy, life.state.as_of_s)


def test_every_way_of_adding_up_gives_the_difference() -> None:
    score = _busy_life()
    explanation = explain(score, places_of(default_policy()))
    assert {p.channel for p in explanation.parts} == {None, "sms", "other"}
    assert None in {p.event for p in explanation.parts if p.channel is None}, "no rest in the test"
    assert explanation.difference == score.score - score.baseline
    assert fsum(p.points for p in explanation.parts) == pytest.approx(
        explanation.difference, abs=1e-9
    )
    for way in WAYS:
        sums = getattr(explanation.sums, way)
        assert len({each.name for each in sums}) == len(sums)
        total = fsum(each.points for each in sums)
        assert total == pytest.approx(explanation.difference, abs=1e-9), way


def test_parts_and_sums_come_by_size() -> None:
    explanation = explain(_busy_life(), places_of(default_policy()))
    for points in (
        [p.points for p in explanation.parts],
        *([each.points for each in getattr(explanation.sums, way)] for way in WAYS),
    ):
        assert points == sorted(points, key=abs, reverse=True)


def test_part_lies_where_the_policy_puts_its_dimension() -> None:
    places = places_of(default_policy())
    score = score_of(
        part("waiting", -9.0, "visit", "v-1", MAY_3),
        part("attitude", 1.5, "visit", "v-1", MAY_3),
        rest("attitude", -4.0),
        rest("forgotten", 0.5),
        tired("sms", -1.25),
    )
    explanation = explain(score, places)
    placed = {p.dimension: (p.layer, p.department) for p in explanation.parts}
    assert placed == {
        "waiting": ("supporting_service", "shops"),
        "attitude": ("interaction", "front_line"),
        "forgotten": (None, None),
        "fatigue": ("emotion", "care"),
    }
    sums = {way: {e.name: e.points for e in getattr(explanation.sums, way)} for way in WAYS}
    assert sums["event"] == {"v-1": -7.5, None: -4.75}
    assert sums["touchpoint"] == {"visit": -7.5, None: -4.75}
    assert sums["department"] == {"shops": -9.0, "front_line": -2.5, "care": -1.25, None: 0.5}
    assert sums["layer"] == {
        "supporting_service": -9.0,
        "interaction": -2.5,
        "emotion": -1.25,
        None: 0.5,
    }


def test_department_of_too_many_contacts_is_the_policys_word() -> None:
    policy = changed_policy(lambda content: content["fatigue"].update(department="campaigns"))
    assert places_of(policy)["fatigue"] == Place("emotion", "campaigns")
    assert places_of(policy).keys() == {*policy.file.dimensions, "fatigue"}


def test_ratio_is_told_by_layer_and_every_source_of_what_is_expected_on_its_own() -> None:
    dimensions = (
        reading("waiting", 0.35, 0.7, competition=0.9, promise=0.95, experience=0.02, norm=0.65),
        reading("environment", 0.7, 0.7),
        reading("attitude", 0.6, 0.5),
        reading("forgotten", 0.1, 0.9),
    )
    score = score_of(dimensions=dimensions, ratio=0.8, band="tolerated")
    explanation = explain(score, places_of(default_policy()))
    assert explanation.layers == pytest.approx({"supporting_service": 0.75, "interaction": 1.2})
    assert (explanation.ratio, explanation.band) == (0.8, "tolerated")
    told = msgspec.to_builtins(explanation)["dimensions"][0]
    assert told == {
        "dimension": "waiting",
        "perceived": 0.35,
        "expected": 0.7,
        "weight": 1.0,
        "norm": 0.65,
        "competition": 0.9,
        "promise": 0.95,
        "experience": 0.02,
    }


def test_customer_who_felt_nothing_has_nothing_to_explain() -> None:
    explanation = explain(score_of(), places_of(default_policy()))
    assert (explanation.difference, explanation.parts, explanation.layers) == (0.0, (), {})
    assert all(getattr(explanation.sums, way) == () for way in WAYS)
