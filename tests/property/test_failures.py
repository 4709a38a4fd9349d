"""How much bad outweighs good: the twelve positives, and the loss against the equal gain."""

from functools import cache
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.core.customer import Customer
from pipeline.core.policy.check import kano_factors
from pipeline.core.policy.models import KanoCounts
from pipeline.core.policy.weights import segment_weights
from tests.property.drawing import default_content, draw_content
from tests.property.lives import level_after, live, score_after
from tests.property.policies import (
    DEFAULT,
    FAILURE_PROBE,
    ONE,
    PROBE,
    ROOMY,
    SEVERAL,
    Content,
    Sample,
    add_probes,
    make_roomy,
    pool_seed,
    sample,
    under,
)
from tests.property.streams import Events
from tests.property.touches import START
from tests.unit.events import event

OBSERVED = "touchpoint.observed.v1"
INTENTS = ("enquiry", "help", "fault", "complaint", "purchase", "none")


def felt(probe: str, dimension: str, quality: float, intensity: float, **more: object) -> Content:
    """Data of a touch that brings ``quality`` in one dimension."""
    measures = {dimension: quality}
    return {"touchpoint": probe, "measures": measures, "intensity": intensity} | more


def at_once(touches: list[Content]) -> Events:
    """Events of these data, all at one time."""
    return [
        event(OBSERVED, id=f"e-{n}", time=START.isoformat(), data=data)
        for n, data in enumerate(touches)
    ]


@cache
def twelve_to_one(number: int) -> Sample:
    """A random policy in which loss aversion and severity make twelve, and all weigh alike."""
    random = Random(f"{pool_seed()} twelve {number}")
    content = draw_content(default_content(), random, one_half_life=True, tight=False)
    make_roomy(content)
    add_probes(content)
    score = content["score"]
    score["loss_aversion"]["value"] = aversion = random.uniform(1, 5)
    score["unresolved_severity"]["value"] = 12 / aversion
    # a failure lies a zone of tolerance below what is expected, or more
    score["zone_of_tolerance"]["value"] = random.uniform(0.01, 0.4)
    score["half_life_days"]["value"] = random.uniform(5, 400)
    content["fatigue"]["half_life_days"] = score["half_life_days"]
    for dimension in content["dimensions"].values():
        dimension |= {"kano": "one_dimensional", "norm": 0.5}
    for tier in content["tiers"].values():
        tier |= {"lift": 0, "cues": {}}
    return sample(content, f"twelve to one, {number} of {pool_seed()}")


@given(
    policies=st.integers(0, 5).map(twelve_to_one),
    pick=st.integers(0, 15),
    intent=st.sampled_from(INTENTS),
    before=st.integers(0, 11),
    share=st.floats(0, 1),
    intensity=st.floats(0.05, 1),
    days=st.floats(0, 100),
)
def test_one_unresolved_failure_takes_exactly_twelve_equal_positives(
    *,
    policies: Sample,
    pick: int,
    intent: str,
    before: int,
    share: float,
    intensity: float,
    days: float,
) -> None:
    policy = policies.policy
    zone = policy.file.score.zone_of_tolerance.value
    distance = zone + share * (0.5 - zone)
    names = sorted(policies.content["dimensions"])
    name = names[pick % len(names)]
    weight = segment_weights(policy.file, policy.default_tier, intent)[name]  # type: ignore[arg-type]

    def after(positives: int) -> Customer:
        failure = felt(FAILURE_PROBE, name, 0.5 - distance, intensity, intent=intent)
        success = felt(PROBE, name, 0.5 + distance, intensity, intent=intent)
        touches = [success] * before + [failure] + [success] * (positives - before)
        return live(at_once(touches), policy)

    baseline = policy.baselines[policy.default_tier]
    assert score_after(after(12), policy, days) == pytest.approx(baseline, abs=1e-9)
    if weight > 0:
        levels = [level_after(after(positives), policy, days) for positives in (11, 13)]
        assert levels[0] < 0 < levels[1]


@under(default=ROOMY)
@given(data=st.data(), distance=st.floats(0.2, 0.3), days=st.floats(0, 100))
def test_the_default_policy_is_twelve_to_one(
    policies: st.SearchStrategy[Sample], data: st.DataObject, distance: float, days: float
) -> None:
    drawn = data.draw(policies)
    kinds = drawn.content["dimensions"]
    equal = [n for n, d in kinds.items() if (d["kano"], d["norm"]) == ("one_dimensional", 0.7)]
    name = data.draw(st.sampled_from(equal))

    def scored(positives: int) -> float:
        failure = felt(FAILURE_PROBE, name, 0.7 - distance, 1.0)
        touches = [failure] + [felt(PROBE, name, 0.7 + distance, 1.0)] * positives
        return score_after(live(at_once(touches), drawn.policy), drawn.policy, days)

    assert scored(11) < 75 < scored(13)
    assert scored(12) == pytest.approx(75, abs=1e-9)


def moved(drawn: Sample, name: str, distance: float, intensity: float) -> tuple[float, float]:
    """By how much an equal gain and loss move the level, each as a size."""
    policy = drawn.policy
    norm = policy.standing[policy.default_tier][name].norm
    cue = drawn.content["tiers"][policy.default_tier].get("cues", {}).get(name)
    row = next(
        row for row in policy.plans[policy.default_tier, "none", PROBE].rows
        if row.dimension == name
    )  # fmt: skip
    expected = norm if cue is None else row.expected
    assume(expected - distance >= 0 and expected + distance <= 1)
    both = [
        level_after(live(at_once([felt(PROBE, name, quality, intensity)]), policy), policy)
        for quality in (expected + distance, expected - distance)
    ]
    gain, loss = max(both), -min(both)
    return max(gain, 0.0), max(loss, 0.0)


def factors(drawn: Sample, name: str) -> tuple[float, float]:
    """How much presence pleases and absence hurts, by the policy's content."""
    kano = drawn.content["dimensions"][name]["kano"]
    return kano_factors(KanoCounts(**kano) if isinstance(kano, dict) else kano)


@under(default=ROOMY, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), share=st.floats(0.001, 1), intensity=st.floats(0.1, 1))
def test_a_loss_moves_more_than_an_equal_gain_but_where_the_policy_warns(
    policies: st.SearchStrategy[Sample], data: st.DataObject, share: float, intensity: float
) -> None:
    drawn = data.draw(policies)
    name = data.draw(st.sampled_from(sorted(drawn.content["dimensions"])))
    score = drawn.policy.file.score
    widest = min(score.largest_distance.value * score.zone_of_tolerance.value, 0.3)
    gain, loss = moved(drawn, name, share * widest, intensity)
    assume(gain + loss > 1e-12)  # neither an indifferent dimension nor one without weight
    warned = [each for warning in drawn.warnings for each in warning.split(": ")[1].split(", ")]
    k_gain, k_loss = factors(drawn, name)
    assert (loss > gain) == (score.loss_aversion.value * k_loss > k_gain)
    assert (name in warned) == (loss <= gain)


@under(default=ROOMY, several=SEVERAL)
@given(data=st.data(), quality=st.floats(0, 1), failure=st.booleans())
def test_one_touch_moves_no_more_than_the_largest_distance_allows(
    policies: st.SearchStrategy[Sample], data: st.DataObject, quality: float, failure: bool
) -> None:
    drawn = data.draw(policies)
    name = data.draw(st.sampled_from(sorted(drawn.content["dimensions"])))
    score = drawn.policy.file.score
    probe = FAILURE_PROBE if failure else PROBE
    level = level_after(
        live(at_once([felt(probe, name, quality, 1.0)]), drawn.policy), drawn.policy
    )
    weight = segment_weights(drawn.policy.file, drawn.policy.default_tier, "none")[name]
    most = score.gain.value * weight * score.largest_distance.value**score.curvature.value
    k_gain, k_loss = factors(drawn, name)
    severity = score.unresolved_severity.value if failure else 1.0
    assert level <= most * k_gain + 1e-12
    assert level >= -score.loss_aversion.value * severity * most * k_loss - 1e-12


@under(default=DEFAULT)
@given(data=st.data())
def test_the_default_policy_warns_of_delights_alone(
    policies: st.SearchStrategy[Sample], data: st.DataObject
) -> None:
    warnings = data.draw(policies).warnings
    assert warnings == ("in these dimensions a gain outweighs an equal loss: attention",)
