"""What a forecaster was worth, where the truth is known because it was made up."""

from math import exp
from random import Random
from typing import Any

import pytest

from pipeline.core.anticipate.forecasts import check_bin
from pipeline.core.policy.compiled import Policy
from pipeline.tools.calibration import (
    LEAST,
    brier_of_bins,
    calibration_of,
    calibrations,
    judged,
    matured,
    remedy_of,
    wilson,
)
from schemas.outlook import OutlookCheck
from tests.stories.telling import COMPLAINT, TRANSACTION, days_later
from tests.unit.core import Life, changed_policy

TRUE_INTERCEPT, TRUE_PER_FAILURE = -1.5, 0.8
TOWN = 600


def foretelling(intercept: float, per_failure: float) -> Policy:
    """Complaints within ten days, told by how many failures stand open."""

    def change(content: dict[str, Any]) -> None:
        content["outlooks"] = {
            "complaint": {
                "horizon_days": 10,
                "happens_on": [COMPLAINT],
                "intercept": {"value": intercept, "source": "test"},
                "terms": [
                    {
                        "reading": "open_failures",
                        "coefficient": {"value": per_failure, "source": "test"},
                    }
                ],
            }
        }

    return changed_policy(change)


def town(policy: Policy, seed: int) -> list[OutlookCheck]:
    """Customers with up to three open failures each, who complain as the truth has it."""
    random = Random(seed)
    checks: list[OutlookCheck] = []
    for number in range(TOWN):
        failures = random.randrange(4)
        life = Life(policy, name=f"c-{number}")
        for case in range(failures):
            life.happen(COMPLAINT, days_later(0), {"complaint": f"k-{case}"})
        life.happen(TRANSACTION, days_later(1), {"amount": 1, "currency": "EUR"})
        truth = 1.0 / (1.0 + exp(-(TRUE_INTERCEPT + TRUE_PER_FAILURE * failures)))
        if random.random() < truth:
            life.happen(COMPLAINT, days_later(1.5 + 9 * random.random()), {"complaint": "k-new"})
        life.tick(days_later(12))
        checks += [said.record for said in life.said if isinstance(said.record, OutlookCheck)]
    return checks


def test_the_true_coefficients_are_found_calibrated_and_skilful() -> None:
    checks = town(foretelling(TRUE_INTERCEPT, TRUE_PER_FAILURE), seed=5)
    assert len(checks) == TOWN
    found = calibrations(checks)["complaint"]
    assert found.calibrated
    assert found.skill is not None
    assert found.skill > 0.05
    assert sum(each.as_told for each in found.bins) >= len(found.bins) - 1
    remedy = remedy_of([(each.probability, each.happened) for each in checks])
    assert remedy is not None
    assert remedy.shift == pytest.approx(0.0, abs=0.35)
    assert remedy.slope == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize(
    ("intercept", "per_failure"), [(-0.5, TRUE_PER_FAILURE), (-4.0, 2.5), (-2.5, 0.8)]
)
def test_wrong_coefficients_are_told_and_the_remedy_leads_to_the_truth(
    intercept: float, per_failure: float
) -> None:
    checks = town(foretelling(intercept, per_failure), seed=6)
    found = calibration_of(checks)
    assert found.calibrated is False
    assert not all(each.as_told for each in found.bins)
    remedy = remedy_of([(each.probability, each.happened) for each in checks])
    assert remedy is not None
    assert remedy.slope * per_failure == pytest.approx(TRUE_PER_FAILURE, abs=0.3)
    assert remedy.shift + remedy.slope * intercept == pytest.approx(TRUE_INTERCEPT, abs=0.4)


def test_known_probabilities_are_rarely_called_wrong_and_biased_ones_nearly_always() -> None:
    random = Random(11)
    wrongly = rightly = 0
    for _ in range(200):
        truths = [random.betavariate(1, 4) for _ in range(400)]
        happened = [random.random() < truth for truth in truths]
        wrongly += judged(list(zip(truths, happened, strict=True))).calibrated is False
        doubled = [min(1.5 * truth, 1.0) for truth in truths]
        rightly += judged(list(zip(doubled, happened, strict=True))).calibrated is False
    assert wrongly <= 20  # 5 % at most; 20 of 200 is beyond chance
    assert rightly >= 190


def test_worked_example() -> None:
    found = judged([(0.1, False), (0.1, True), (0.9, True), (0.9, True)])
    assert found.brier == pytest.approx((0.01 + 0.81 + 0.01 + 0.01) / 4)
    assert found.said == pytest.approx(0.5)
    assert found.base_rate == 0.75
    assert found.base_rate_brier == pytest.approx(0.1875)
    assert found.skill == pytest.approx(1 - 0.21 / 0.1875)
    assert [(each.begins, each.checks) for each in found.bins] == [(0.1, 2), (0.9, 2)]
    assert found.calibrated is None  # four checks prove nothing


def test_without_a_check_nothing_is_said() -> None:
    assert calibrations([]) == {}
    with pytest.raises(ValueError, match="no outlook was checked"):
        judged([])
    with pytest.raises(ValueError, match="no outlook was checked"):
        brier_of_bins({})


def test_certainty_that_was_wrong_is_beyond_every_interval() -> None:
    found = judged([(0.0, True)] * LEAST)
    assert found.calibrated is False
    assert found.skill is None


def test_a_remedy_needs_both_outcomes_and_different_probabilities() -> None:
    assert remedy_of([(0.2, True), (0.3, True)]) is None
    assert remedy_of([(0.2, True), (0.2, False)]) is None
    assert remedy_of([(0.2, False), (0.8, True)] * 50) is None  # told apart completely


def test_the_share_of_none_has_an_interval_too() -> None:
    assert wilson(0, 10)[0] == 0.0
    assert [*wilson(0, 10), *wilson(5, 10)] == pytest.approx([0, 0.2775, 0.2366, 0.7634], abs=1e-4)


def test_what_prometheus_counts_gives_the_brier_score_to_within_a_bins_width() -> None:
    random = Random(3)
    truths = [random.random() for _ in range(2_000)]
    pairs = [(truth, random.random() < truth) for truth in truths]
    counts: dict[tuple[str, str], float] = {}
    for probability, happened in pairs:
        key = (check_bin(probability), "yes" if happened else "no")
        counts[key] = counts.get(key, 0) + 1
    assert brier_of_bins(counts) == pytest.approx(judged(pairs).brier, abs=0.01)


def test_what_could_not_have_failed_yet_is_left_out() -> None:
    life = Life(foretelling(-2, 1))
    life.happen(TRANSACTION, days_later(0), {"amount": 1, "currency": "EUR"})
    life.happen(COMPLAINT, days_later(2), {"complaint": "k"})
    (check,) = [said.record for said in life.said if isinstance(said.record, OutlookCheck)]
    ends_s = check.made_at.timestamp() + 10 * 86_400
    assert matured([check], ends_s - 1) == []
    assert matured([check], ends_s) == [check]
