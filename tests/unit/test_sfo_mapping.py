"""The airport survey's mapping: one file for years whose headers differ."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.policy.load import load_policy
from pipeline.tools.assess import AssessReport, assess
from pipeline.tools.importing import import_file
from tests.unit.core import default_policy
from tests.unit.events import ROOT

MAPPING = ROOT / "deploy/mappings/sfo_survey.sql"
OUTCOMES = ROOT / "deploy/mappings/sfo_survey.outcome.sql"
POLICY = ROOT / "deploy/policies/place_survey.yaml"

# What one passenger said, under the headers of each year; 2010 and 2011 asked neither for the way
# there nor, by other letters, for the same things in the same place.
HEADERS = {
    "2010": "RESPNUM,INTDATE,Q6B,Q6N,Q8F,Q9,Q13A,Q11",
    "2011": "RESPNUM,INTDATE,Q8B,Q8N,Q10F,Q11,Q15A,Q13",
    "2012": "RESPNUM,INTDATE,Q8B_FOOD,Q8N_WHOLE,Q10F_CLNBATH,Q11SAFE,Q15A_FIND,Q13_RATEWEB",
    "2013": "RESPNUM,INTDATE,Q7B_FOOD,Q7O_WHOLE,Q9E_CLNBATH,Q10SAFE,Q14A_FIND,Q10COM1",
    "2016": "*RESPNUM,INTDATE,Q7FOOD,Q7ALL,Q9RESTROOM,Q10SAFE,Q14FIND,Q10COM1",
    "2018": "RESPNUM,INTDATE,Q7FOOD,Q7ALL,Q9Restroom,Q10Safe,Q14FIND ,Q10-1",
}
SAID = {"clean_restrooms": 4.0, "finding_the_way": 2.0, "restaurants": 5.0, "safety": 3.0}


def imported(folder: Path, content: str) -> list[dict[str, Any]]:
    source, out = folder / "survey.csv", folder / "out.jsonl"
    source.write_text(content, encoding="utf-8")
    policy = default_policy()
    import_file(source, MAPPING, out, folder / "no.jsonl", lambda *_: None, policy=policy)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def assessed(folder: Path, content: str) -> AssessReport:
    source = folder / "survey.csv"
    source.write_text(content, encoding="utf-8")
    policy = load_policy(POLICY.read_text(encoding="utf-8"), name=POLICY.name).policy
    return assess(source, MAPPING, OUTCOMES, lambda _: lambda *_: None, policy=policy, seed=1)


@pytest.mark.parametrize("year", HEADERS)
def test_every_year_gives_the_same_answers_without_the_overall_one(
    tmp_path: Path, year: str
) -> None:
    (event,) = imported(tmp_path, f"{HEADERS[year]}\n17,9,5,1,4,3,2,1\n")
    assert event["data"]["answers"] == SAID
    assert event["subject"].startswith("sfo-")
    assert event["subject"].endswith("-17")


def test_passengers_of_two_years_with_one_number_are_two(tmp_path: Path) -> None:
    subjects = {
        imported(tmp_path, f"{header}\n17,9,5,1,4,3,2,1\n")[0]["subject"]
        for header in HEADERS.values()
    }
    assert len(subjects) == len(HEADERS)


def test_blank_and_never_used_are_no_answers(tmp_path: Path) -> None:
    rows = "1,9,0,4,6,,Blank,1\n2,9,0,4,5,0,6,1\n"
    (event,) = imported(tmp_path, f"{HEADERS['2018']}\n{rows}")
    assert event["subject"].endswith("-2")
    assert event["data"]["answers"] == {"clean_restrooms": 5.0}


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("05/09/2016 12:00:00 AM", "2016-05-09T19:00:00Z"),
        ("31", "2000-05-31T19:00:00Z"),
        ("", "2000-05-01T19:00:00Z"),
    ],
)
def test_an_interview_without_month_and_year_has_a_stand_in(
    tmp_path: Path, date: str, time: str
) -> None:
    (event,) = imported(tmp_path, f"{HEADERS['2016']}\n17,{date},5,1,4,3,2,1\n")
    assert event["time"] == time


def test_detractors_are_the_outcome_where_they_were_asked_for(tmp_path: Path) -> None:
    header = HEADERS["2018"] + ",NETPRO  "
    rows = ["1,9,1,5,2,2,2,1,6", "2,9,5,1,5,5,5,1,7", "3,9,5,5,5,5,5,1,11", "4,9,4,5,4,4,4,1,"]
    (told,) = assessed(tmp_path, "\n".join([header, *rows]) + "\n").assessments
    assert told.label.startswith("detractor")
    assert (told.customers, told.bad) == (2, 1)  # 11 is blank
    assert told.curves["score"].auc.value == 1.0


def test_before_that_the_airport_as_a_whole_is_the_outcome(tmp_path: Path) -> None:
    rows = ["1,9,1,3,2,2,2,1", "2,9,5,4,5,5,5,1", "3,9,5,0,5,5,5,1", "4,9,5,6,5,5,5,1"]
    for year in ("2010", "2011", "2013", "2016"):
        (told,) = assessed(tmp_path, "\n".join([HEADERS[year], *rows]) + "\n").assessments
        assert told.label.startswith("the airport as a whole")
        assert (told.customers, told.bad) == (2, 1)
