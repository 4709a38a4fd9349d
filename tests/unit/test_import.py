"""Importing: every row of a foreign file becomes events or a reject with its reason."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.tools.importing import ImportReport, import_file
from tests.unit.core import default_policy

NOON = "2024-01-01T12:00:00Z"
QUERY = """
SELECT row, id, 'urn:test' AS source, 'touchpoint.call.completed.v1' AS type, who AS subject, time,
  TRY_CAST(wait AS DOUBLE) AS "data.wait_seconds"
FROM input
"""

Rows = list[dict[str, Any]]
Import = Callable[..., tuple[ImportReport, Rows, Rows]]


@pytest.fixture
def run(tmp_path: Path) -> Import:
    """Import ``content`` as a file of this name; gives the report, the events, the rejects."""

    def run(
        content: str | bytes, query: str = QUERY, name: str = "calls.csv"
    ) -> tuple[ImportReport, Rows, Rows]:
        source, mapping = tmp_path / name, tmp_path / "calls.sql"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        mapping.write_text(query, encoding="utf-8")
        out, rejects = tmp_path / "out" / "events.jsonl", tmp_path / "out" / "rejects.jsonl"
        out.parent.mkdir(exist_ok=True)
        report = import_file(
            source, mapping, out, rejects, lambda _, __: None, policy=default_policy()
        )
        assert sorted(p.name for p in out.parent.iterdir()) == ["events.jsonl", "rejects.jsonl"]
        assert report.read == report.imported + report.rejected + report.skipped
        return report, _lines(out), _lines(rejects)

    return run


def _lines(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_row_becomes_a_cloud_event_without_its_empty_fields(run: Import) -> None:
    report, events, rejects = run(f"id,who,time,wait\n1,ann,{NOON},\n")
    assert events == [
        {
            "specversion": "1.0",
            "id": "1",
            "source": "urn:test",
            "type": "touchpoint.call.completed.v1",
            "subject": "ann",
            "time": NOON,
            "data": {},
        }
    ]
    assert rejects == []
    assert report.types == {"touchpoint.call.completed.v1": 1}


def test_events_stand_in_order_of_time_then_row(run: Import) -> None:
    earlier = "2024-01-01T12:30:00+01:00"
    _, events, _ = run(f"id,who,time,wait\nc,x,{NOON},1\na,x,{NOON},1\nb,x,{earlier},1\n")
    assert [event["id"] for event in events] == ["b", "c", "a"]


def test_customer_ids_stay_text(run: Import) -> None:
    _, events, _ = run(f"id,who,time,wait\n1,0042,{NOON},1\n2,6.02701E+11,{NOON},1\n")
    assert [event["subject"] for event in events] == ["0042", "6.02701E+11"]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("calls.csv", f" ID ;Who; TIME;Wait\n1;Zoë;{NOON};3\n".encode(), ""),
        (
            "calls.csv",
            f"id;who;time;wait\n1;Zoë;{NOON};3\n".encode("latin-1"),
            '-- input.encoding = "latin-1"\n',
        ),
        ("calls.tsv", f"id\twho\ttime\twait\n1\tZoë\t{NOON}\t3\n".encode(), ""),
        (
            "calls.dat",
            f"id!who!time!wait\n1!Zoë!{NOON}!3\n".encode(),
            '-- input.delim = "!"\n',
        ),
        ("calls.csv.gz", gzip.compress(f"\ufeffid,who,time,wait\n1,Zoë,{NOON},3\n".encode()), ""),
        ("calls.jsonl", json.dumps({"id": 1, "who": "Zoë", "time": NOON, "wait": 3}).encode(), ""),
        ("calls.json", json.dumps([{"id": 1, "who": "Zoë", "time": NOON, "wait": 3}]).encode(), ""),
    ],
    ids=["semicolons", "latin-1", "tabs", "given delimiter", "gzip with BOM", "NDJSON", "JSON"],
)
def test_one_mapping_reads_many_formats(
    run: Import, name: str, content: bytes, options: str
) -> None:
    # What a JSON file holds is typed; a mapping for text and for JSON casts.
    query = QUERY.replace("time,", "time::TIMESTAMPTZ AS time,")
    _, events, rejects = run(content, options + query, name)
    assert rejects == []
    assert [(e["id"], e["subject"], e["time"]) for e in events] == [("1", "Zoë", NOON)]
    assert events[0]["data"] == {"wait_seconds": 3.0}


def test_parquet_is_read(run: Import, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as db:
        made = f"SELECT '1' AS id, 'ann' AS who, '{NOON}' AS time, 'NaN'::DOUBLE AS wait"
        db.execute(f"COPY ({made}) TO '{path}'")
    _, events, rejects = run(path.read_bytes(), QUERY, "calls.parquet")
    assert events == []
    assert rejects[0]["reason"] == "invalid_field"  # NaN is no waiting time


def test_lines_that_cannot_be_read_are_rejected_with_their_number(run: Import) -> None:
    report, events, rejects = run(f"id,who,time,wait\n1,a,{NOON},1\n2,b,c,{NOON},1\n3,c,{NOON},1\n")
    assert [event["id"] for event in events] == ["1", "3"]
    assert report.read == 3
    assert [(r["reason"], r["line"], r["text"]) for r in rejects] == [
        ("unreadable", 3, f"2,b,c,{NOON},1")
    ]


def test_a_broken_line_of_ndjson_is_rejected_with_its_row(run: Import) -> None:
    good = json.dumps({"id": "1", "who": "a", "time": NOON, "wait": 1})
    query = QUERY.replace("time,", "time::TIMESTAMPTZ AS time,")
    report, events, rejects = run(f"{good}\n{{oops\n", query, "calls.ndjson")
    assert (report.read, len(events)) == (2, 1)
    assert [(r["reason"], r["row"]) for r in rejects] == [("unreadable", 2)]


def test_a_refused_event_names_row_reason_and_field_and_keeps_the_row(run: Import) -> None:
    _, events, rejects = run(f"id,who,time,wait\n1,a,{NOON},1\n2,b,{NOON},-5\n3,c,1066-10-14,1\n")
    assert [event["id"] for event in events] == ["1"]
    found = {r["row"]: (r["reason"], r["fields"][0]["field"], r["input"]["who"]) for r in rejects}
    assert found == {
        2: ("invalid_field", "data.wait_seconds", "b"),
        3: ("invalid_field", "time", "c"),
    }


def test_the_policys_limits_hold_for_imports_too(run: Import) -> None:
    _, events, rejects = run("id,who,time,wait\n1,a,1066-10-14T00:00:00Z,1\n")
    assert events == []
    assert rejects[0]["reason"] == "time_out_of_range"


def test_a_mapping_rejects_with_its_own_reason(run: Import) -> None:
    reason = "CASE WHEN who = 'b' THEN 'b is a robot' END AS reject_reason,"
    query = QUERY.replace("SELECT row,", f"SELECT row, {reason}")
    report, events, rejects = run(f"id,who,time,wait\n1,a,{NOON},1\n2,b,{NOON},1\n", query)
    assert [event["subject"] for event in events] == ["a"]
    assert [(r["row"], r["reason"], r["detail"]) for r in rejects] == [
        (2, "mapping", "b is a robot")
    ]
    assert (report.imported, report.rejected) == (1, 1)


def test_rows_that_a_query_leaves_out_are_counted_as_skipped(run: Import) -> None:
    rows = f"id,who,time,wait\n1,a,{NOON},1\n2,b,{NOON},1\n"
    report, events, _ = run(rows, f"{QUERY} WHERE who = 'a'")
    assert (report.read, report.imported, report.skipped, len(events)) == (2, 1, 1, 1)


def test_the_same_id_twice_is_rejected_not_silently_taken_for_a_duplicate(run: Import) -> None:
    _, events, rejects = run(f"id,who,time,wait\n1,a,{NOON},1\n1,b,{NOON},2\n")
    assert [event["subject"] for event in events] == ["a"]
    assert [(r["row"], r["reason"]) for r in rejects] == [(2, "duplicate_id")]


def test_several_events_of_a_row_count_as_one_row(run: Import) -> None:
    second = QUERY.replace("id,", "id || '-again' AS id,", 1)
    report, events, _ = run(f"id,who,time,wait\n1,a,{NOON},1\n", f"{QUERY} UNION ALL {second}")
    assert [event["id"] for event in events] == ["1", "1-again"]
    assert (report.imported, report.events) == (1, 2)


def test_data_may_be_a_struct(run: Import) -> None:
    struct = "{'wait_seconds': 2, 'ratings': {'attitude': 4, 'knowledge': NULL}} AS data"
    query = QUERY.replace('TRY_CAST(wait AS DOUBLE) AS "data.wait_seconds"', struct)
    _, events, _ = run(f"id,who,time,wait\n1,a,{NOON},1\n", query)
    assert events[0]["data"] == {"wait_seconds": 2, "ratings": {"attitude": 4}}


def test_nan_in_a_field_nobody_reads_never_reaches_the_file(run: Import) -> None:
    query = QUERY.replace("FROM input", ", 'nan'::DOUBLE AS \"data.extra\" FROM input")
    _, events, rejects = run(f"id,who,time,wait\n1,a,{NOON},1\n", query)
    assert events == []
    assert rejects[0]["reason"] == "broken_json"


def test_local_times_are_converted_and_odd_ones_counted(run: Import) -> None:
    zone = "'Europe/Berlin'"
    local = f"local_time(time, {zone}) AS time, dst_problem(time, {zone}) AS dst,"
    times = ["2024-01-01 13:00:00", "2024-03-31 02:30:00", "2024-10-27 02:30:00"]
    rows = "".join(f"{n},a,{time},1\n" for n, time in enumerate(times))
    report, events, _ = run("id,who,time,wait\n" + rows, QUERY.replace("time,", local))
    assert events[0]["time"] == NOON
    assert (report.dst_gaps, report.dst_overlaps) == (1, 1)


def test_the_same_input_gives_the_same_bytes(run: Import) -> None:
    rows = "id,who,time,wait\n" + "".join(f"{n},c{n % 7},{NOON},{n}\n" for n in range(5_000))
    assert run(rows)[0].digest == run(rows)[0].digest
