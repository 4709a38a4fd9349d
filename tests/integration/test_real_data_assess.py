"""What the score is worth in real surveys and calls, held to what it has reached."""

from pathlib import Path

import pytest

from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.tools.assess import MEAN, Assessment, assess
from tests.unit.core import default_policy
from tests.unit.events import ROOT

MAPPINGS = ROOT / "deploy" / "mappings"
CALLS = "anonymous_bank_calls/calls_1999_02.tsv.gz"
RATINGS = "mean of all ratings"
KEPT = "share of calls kept"

pytestmark = pytest.mark.data


def place_survey() -> Policy:
    path = ROOT / "deploy" / "policies" / "place_survey.yaml"
    return load_policy(path.read_text(encoding="utf-8"), name=path.name).policy


def assessed(source: Path, mapping: str, policy: Policy) -> Assessment:
    report = assess(
        source,
        MAPPINGS / f"{mapping}.sql",
        MAPPINGS / f"{mapping}.outcome.sql",
        lambda _: lambda *_: None,
        policy=policy,
        seed=1,
    )
    (told,) = report.assessments
    return told


def auc(told: Assessment, name: str) -> float:
    return told.curves[name].auc.value


@pytest.mark.parametrize(
    ("year", "customers", "bad", "ratings"),
    [(2016, 2_919, 555, 0.914), (2017, 2_742, 341, 0.807)],
)
def test_loyalty_tells_discontent_passengers_as_well_as_their_mean_rating(
    data_dir: Path, year: int, customers: int, bad: int, ratings: float
) -> None:
    source = data_dir / "sfo_survey" / f"sfo_{year}.csv.gz"
    told = assessed(source, "sfo_survey", place_survey())
    assert (told.customers, told.bad) == (customers, bad)
    assert auc(told, RATINGS) == pytest.approx(ratings, abs=0.0005)
    for reading in ("score", "loyalty", "ratio"):
        assert auc(told, reading) >= max(auc(told, RATINGS), auc(told, MEAN)) - 0.01


def test_hang_ups_are_told_from_the_first_half_of_the_month(data_dir: Path) -> None:
    told = assessed(data_dir / CALLS, "anonymous_bank_calls", default_policy())
    # Of 1,150 identified customers with calls in both halves, 4 have an id that was damaged.
    assert (told.customers, told.bad, told.without_events) == (1_146, 355, 0)
    assert auc(told, KEPT) == pytest.approx(0.599, abs=0.0005)
    assert auc(told, "score") >= 0.60
