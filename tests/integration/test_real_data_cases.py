"""Real incidents and complaints become cases, and are counted as the data count them."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from pipeline.core.policy.load import load_policy
from pipeline.tools.case_counts import Case, Counts, count, read_cases
from pipeline.tools.case_outcomes import Confusion, compare, read_outcomes
from pipeline.tools.importing import ImportReport, import_file
from pipeline.tools.replay import replay
from tests.conftest import DATA_VARIABLE
from tests.unit.core import default_policy

MAPPINGS = Path(__file__).parents[2] / "deploy" / "mappings"
POLICY = MAPPINGS.parent / "policies" / "service_desk.yaml"
INCIDENTS = "servicenow_incidents/incident_event_log.csv.gz"
COMPLAINTS = "bpi2016_complaints/BPI2016_Complaints.csv"
OPENED = "touchpoint.complaint.opened.v1"
HANDED_OVER = "touchpoint.complaint.handed_over.v1"
RESOLVED = "touchpoint.complaint.resolved.v1"
CLOSED = "touchpoint.complaint.closed.v1"

# Of 877 reassignments three are between rows that name the same group, or none.
UNSEEN_HAND_OVERS = {"INC0000173", "INC0000722", "INC0001252"}

pytestmark = pytest.mark.data


class Imported(NamedTuple):
    report: ImportReport
    events: list[dict[str, Any]]


def _import(source: Path, mapping: str, folder: Path) -> Imported:
    out, rejects = folder / "events.jsonl", folder / "rejects.jsonl"
    policy = default_policy()
    report = import_file(
        source, MAPPINGS / mapping, out, rejects, lambda _, __: None, policy=policy
    )
    lines = out.read_text(encoding="utf-8").splitlines()
    return Imported(report, [json.loads(line) for line in lines])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def incidents(folder: Path) -> Imported:
    # Not the fixture data_dir, which is made anew for each test.
    source = Path(os.environ[DATA_VARIABLE]) / INCIDENTS
    return _import(source, "servicenow_incidents.sql", folder)


@pytest.fixture
def complaints(data_dir: Path, tmp_path: Path) -> Imported:
    return _import(data_dir / COMPLAINTS, "bpi2016_complaints.sql", tmp_path)


@pytest.fixture
def log(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """The incidents' file, read without the mapping: a row a change, and a row an incident."""
    db = duckdb.connect()
    source = (data_dir / INCIDENTS).as_posix()
    moment = "strptime({}, '%d-%m-%Y %H:%M')"
    db.execute(
        f"""CREATE TABLE log AS
        SELECT number, row, incident_state AS state, sys_mod_count::INT AS mods,
          concat_ws('/', category, subcategory) AS topic, reopen_count::INT AS reopenings,
          {moment.format("opened_at")} AS opened, {moment.format("sys_updated_at")} AS changed,
          {moment.format("resolved_at")} AS resolved, {moment.format("closed_at")} AS closed
        FROM (SELECT row_number() OVER () AS row, *
          FROM read_csv('{source}', all_varchar = true, header = true, nullstr = '?'))"""  # noqa: S608
    )
    db.execute(
        """CREATE TABLE ends AS
        SELECT number, any_value(opened) AS opened, arg_min(changed, row) AS began,
          any_value(resolved) AS resolved, any_value(closed) AS closed,
          min(changed) FILTER (state = 'Resolved') AS first_resolved,
          arg_min(topic, row) AS topic, count(DISTINCT topic) AS topics,
          max(reopenings) AS reopenings
        FROM log GROUP BY number"""
    )
    db.execute(
        """CREATE VIEW steps AS
        SELECT *, lag(mods) OVER (PARTITION BY number ORDER BY row) AS before FROM log;
        CREATE VIEW rests AS
        SELECT *, closed - resolved AS days FROM ends WHERE resolved IS NOT NULL"""
    )
    return db


def _case(event: dict[str, Any]) -> str:
    return str(event["data"]["complaint"])


def test_every_row_of_the_incidents_is_accounted_for(incidents: Imported) -> None:
    report = incidents.report
    assert (report.read, report.imported, report.rejected, report.skipped) == (
        5_998,
        3_523,
        0,
        2_475,
    )
    assert report.types == {OPENED: 890 + 11, HANDED_OVER: 874, RESOLVED: 890 + 11, CLOSED: 890}
    assert len({event["id"] for event in incidents.events}) == report.events
    assert len({event["subject"] for event in incidents.events}) == 639


def test_hand_overs_are_the_desks_own_count_but_for_those_between_rows(
    incidents: Imported, data_dir: Path
) -> None:
    told = read_outcomes(data_dir / INCIDENTS, MAPPINGS / "servicenow_incidents.outcome.sql")
    assert len(told) == 890
    counted = Counter(_case(event) for event in incidents.events if event["type"] == HANDED_OVER)
    assert sum(figures["hand_overs"] or 0 for figures in told.values()) == 877
    missed = {name: figures["hand_overs"] for name, figures in told.items()}
    missed = {name: n for name, n in missed.items() if n != counted[name]}
    assert missed == {name: counted[name] + 1 for name in UNSEEN_HAND_OVERS}


def test_an_incident_is_opened_again_as_often_as_the_desk_says(
    incidents: Imported, data_dir: Path
) -> None:
    told = read_outcomes(data_dir / INCIDENTS, MAPPINGS / "servicenow_incidents.outcome.sql")
    counted = Counter(_case(event) for event in incidents.events if event["type"] == OPENED)
    assert {name: n - 1 for name, n in counted.items()} == {
        name: figures["reopened"] for name, figures in told.items()
    }


def test_what_happens_to_an_incident_stands_in_its_order(incidents: Imported) -> None:
    done: dict[str, str] = {}
    for event in incidents.events:
        name, kind, before = _case(event), event["type"], done.get(_case(event))
        if kind == OPENED:
            assert before in (None, RESOLVED), event
        elif kind == RESOLVED:
            assert before == OPENED, event
        elif kind == CLOSED:
            assert before == RESOLVED, event
        assert before is not None or kind == OPENED, event
        if kind != HANDED_OVER:
            done[name] = kind
    assert Counter(done.values()) == {CLOSED: 890}


def test_rows_the_desk_could_not_have_written_are_rejected(data_dir: Path, tmp_path: Path) -> None:
    head, row, *_ = gzip.decompress((data_dir / INCIDENTS).read_bytes()).decode().splitlines()
    broken = {
        "without a number": row.replace("INC0000045", "?"),
        "nobody called": row.replace("Caller 2403", "?"),
        "a time cannot be read": row.replace("29-02-2016 01:16", "30-02-2016 01:16"),
        "without a state": row.replace(",New,", ",?,"),
    }
    source = tmp_path / "incidents.csv"
    source.write_text("\n".join([head, row, *broken.values()]) + "\n", encoding="utf-8")
    report, events = _import(source, "servicenow_incidents.sql", tmp_path)
    assert (report.imported, report.rejected, len(events)) == (1, len(broken), 1)
    lines = (tmp_path / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["detail"] for line in lines] == list(broken)


def test_every_complaint_is_a_case_of_its_own(complaints: Imported) -> None:
    report, events = complaints
    assert (report.read, report.imported, report.rejected, report.skipped) == (289, 289, 0, 0)
    assert report.types == {OPENED: 289}
    assert len({_case(event) for event in events}) == 289
    assert len({event["subject"] for event in events}) == 226
    assert len({event["data"]["topic"] for event in events}) == 6
    # Noon, in winter and in summer.
    assert {event["time"][11:] for event in events} == {"10:00:00Z", "11:00:00Z"}


@pytest.mark.parametrize(
    ("counted", "query"),
    [
        (707, "SELECT count_if(mods > before + 1) FROM steps"),
        (4, "SELECT count_if(mods < before) FROM steps"),
        (86, "SELECT count_if(topics > 1) FROM ends"),
        (8, "SELECT count_if(topic = '') FROM ends"),
        (5, "SELECT count_if(began < opened) FROM ends"),
        (29, "SELECT count_if(resolved IS NULL) FROM ends"),
        (16, "SELECT count_if(resolved > first_resolved) FROM ends WHERE reopenings = 0"),
        (653, "SELECT count_if(days BETWEEN INTERVAL 120 HOUR AND INTERVAL 122 HOUR) FROM rests"),
        (
            205,
            "SELECT count(*) FROM rests WHERE resolved::DATE BETWEEN '2016-03-06' AND '2016-03-18'",
        ),
        (
            191,
            "SELECT count_if(closed::DATE = '2016-03-24') FROM rests "
            "WHERE resolved::DATE BETWEEN '2016-03-06' AND '2016-03-18'",
        ),
    ],
)
def test_the_file_is_as_the_readme_says(
    log: duckdb.DuckDBPyConnection, counted: int, query: str
) -> None:
    assert log.execute(query).fetchone() == (counted,)


@pytest.fixture(scope="module")
def counted(incidents: Imported, folder: Path) -> list[Case]:
    """The cases of a replay with the service desk's policy."""
    policy = load_policy(POLICY.read_text(encoding="utf-8"), name=POLICY.name).policy
    report = replay(
        folder / "events.jsonl",
        folder / "result",
        lambda _, __: None,
        policy=policy,
        version="test",
    )
    assert report.processed == report.read == incidents.report.events
    assert (report.rejected, report.failed) == (0, 0)
    return list(read_cases(folder / "result").values())


def test_cases_opened_handed_over_late_and_reopened_are_what_the_file_holds(
    counted: list[Case],
) -> None:
    assert count(counted) == Counts(
        opened=890,
        hand_overs=874,
        breached=367,
        breaches=371,
        reopened=11,
        escalated=0,
        open=0,
        resolved=0,
        closed=890,
    )


def test_a_clock_runs_out_where_the_file_itself_shows_more_than_its_hours(
    counted: list[Case], log: duckdb.DuckDBPyConnection
) -> None:
    rows = log.execute(
        """WITH turns AS (
          SELECT *, lag(state) OVER so_far AS before FROM log
          WINDOW so_far AS (PARTITION BY number ORDER BY row)
        ), rounds AS (
          SELECT number, row, if(before IS NULL, opened, changed) AS began, changed,
            state = 'Resolved' AS ends
          FROM turns
          WHERE before IS NULL OR (before = 'Resolved') <> (state = 'Resolved')
        )
        SELECT DISTINCT number FROM (
          SELECT number, ends, changed, lag(began) OVER (PARTITION BY number ORDER BY row) AS began,
            lag(ends) OVER (PARTITION BY number ORDER BY row) AS ended
          FROM rounds
        ) WHERE ends AND NOT ended AND changed - began > INTERVAL 90 HOUR"""
    ).fetchall()
    assert {case.last.case for case in counted if case.last.breaches} == {row[0] for row in rows}


def test_the_replay_is_held_to_the_desks_own_fields(counted: list[Case], data_dir: Path) -> None:
    told = read_outcomes(data_dir / INCIDENTS, MAPPINGS / "servicenow_incidents.outcome.sql")
    comparison = compare(counted, told)
    assert (comparison.not_counted, comparison.not_told) == ((), ())
    hand_overs, reopened, breached = comparison.figures
    assert (hand_overs.counted, hand_overs.told, hand_overs.equal) == (874, 877, 887)
    assert {difference.case for difference in hand_overs.differences} == UNSEEN_HAND_OVERS
    assert (reopened.counted, reopened.told, reopened.differ) == (11, 11, 0)
    assert (breached.counted, breached.told, breached.differ) == (367, 395, 28)
    assert comparison.confusion == Confusion(both=367, counted_only=0, told_only=28, neither=495)
