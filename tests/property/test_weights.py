"""Weights sum to 1 for every segment, and a policy that breaks its own rules is refused."""

import json
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.policy.check import kano_factors
from pipeline.core.policy.load import PolicyError, load_policy
from pipeline.core.policy.models import KanoCounts
from pipeline.core.policy.plan import INTENTS
from pipeline.core.policy.weights import segment_weights
from tests.property.policies import DEFAULT, ONE, PROBE, ROOMY, SEVERAL, Content, Sample, under


@under(default=DEFAULT, one_half_life=ONE, several=SEVERAL)
@given(data=st.data(), intent=st.sampled_from(INTENTS))
def test_weights_sum_to_one_and_the_named_share_theirs_by_proportion(
    policies: st.SearchStrategy[Sample], data: st.DataObject, intent: str
) -> None:
    sample = data.draw(policies)
    file = sample.policy.file
    tier = data.draw(st.sampled_from(sorted(file.tiers)))
    weights = segment_weights(file, tier, intent)  # type: ignore[arg-type]
    assert set(weights) == set(file.dimensions)
    assert fsum(weights.values()) == pytest.approx(1, abs=1e-12)
    assert min(weights.values()) >= 0
    by_tier: Content = sample.content["tiers"][tier]["named"]
    by_intent: Content = sample.content["intents"].get(intent, {})
    shares = {n: by_tier.get(n, 0) + by_intent.get(n, 0) for n in {*by_tier, *by_intent}}
    others = [weights[name] for name in weights if name not in shares]
    if shares and others:
        named = fsum(weights[name] for name in shares)
        assert named == pytest.approx(file.score.named_share.value, abs=1e-12)
    assert max(others, default=0) == min(others, default=0)
    for name, share in shares.items():
        part = share / sum(shares.values()) * fsum(weights[n] for n in shares)
        assert weights[name] == pytest.approx(part, abs=1e-12)


@under(default=ROOMY, several=SEVERAL)
@given(data=st.data(), intent=st.sampled_from(INTENTS))
def test_what_a_touch_can_move_is_the_gain_by_the_weight(
    policies: st.SearchStrategy[Sample], data: st.DataObject, intent: str
) -> None:
    sample = data.draw(policies)
    policy, score = sample.policy, sample.policy.file.score
    tier = data.draw(st.sampled_from(sorted(policy.file.tiers)))
    total = 0.0
    for row in policy.plans[tier, intent, PROBE].rows:
        kano = sample.content["dimensions"][row.dimension]["kano"]
        k_gain, k_loss = kano_factors(KanoCounts(**kano) if isinstance(kano, dict) else kano)
        weight = segment_weights(policy.file, tier, intent)[row.dimension]  # type: ignore[arg-type]
        total += weight
        assert row.gain == pytest.approx(score.gain.value * weight * k_gain, abs=1e-12)
        loss = score.loss_aversion.value * score.gain.value * weight * k_loss
        assert row.loss == pytest.approx(loss, abs=1e-12)
    assert total == pytest.approx(1, abs=1e-12)


BROKEN = {
    "a weight of zero": 0,
    "a weight below zero": -1.5,
    "a weight that is no number": "much",
}


@pytest.mark.parametrize("how", [*BROKEN, "an unknown dimension"])
@settings(max_examples=5)  # each reads a policy anew
@given(data=st.data())
def test_a_policy_that_breaks_the_rules_of_weights_is_refused_with_its_line(
    how: str, data: st.DataObject
) -> None:
    content = json.loads(json.dumps(data.draw(SEVERAL).content)) | {"touchpoints": {}}
    del content["care"]["thank_for"]  # it names touchpoints
    tier = data.draw(st.sampled_from(sorted(content["tiers"])))
    content["intents"].setdefault("help", {})
    place, named = data.draw(
        st.sampled_from(
            [
                (f"tiers.{tier}.named", content["tiers"][tier]["named"]),
                ("intents.help", content["intents"]["help"]),
            ]
        )
    )
    name = data.draw(st.sampled_from(sorted(content["dimensions"])))
    if how in BROKEN:
        named[name] = "mark"
    else:
        named[name := "unheard_of"] = "mark"
    text = json.dumps(content, indent=1)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if '"mark"' in each)
    text = text.replace('"mark"', json.dumps(BROKEN.get(how, 1)))
    with pytest.raises(PolicyError) as refused:
        load_policy(text, name="care.yaml")
    (fault,) = refused.value.faults
    assert str(refused.value).startswith(f"care.yaml:{line}: {place}.{name}: ")
    if how not in BROKEN:
        assert "known: " in str(fault)
