"""Importing: what is wrong with a mapping or a file is said with file, line and remedy."""

from pathlib import Path

import pytest

from pipeline.tools.importing import import_file
from pipeline.tools.mapping import MappingError
from pipeline.tools.tables import SourceError
from tests.unit.core import default_policy

ROW = "row, '1' AS id, 's' AS source, 'touchpoint.call.completed.v1' AS type"
TIME = "'2024-01-01T00:00:00Z' AS time"


def _import(folder: Path, query: str, source: Path | None = None) -> None:
    calls, mapping, out = folder / "calls.csv", folder / "m.sql", folder / "events.jsonl"
    calls.write_text("who,wait\nann,soon\n", encoding="utf-8")
    mapping.write_text(query, encoding="utf-8")
    rejects = folder / "rejects.jsonl"
    import_file(source or calls, mapping, out, rejects, lambda _, __: None, policy=default_policy())


@pytest.mark.parametrize(
    ("query", "line", "says"),
    [
        ("SELECT row\nFROM FROM input", 2, "syntax error"),
        ("-- a comment\n\nSELECT row,\n  nope AS id\nFROM input", 4, "columns of input: row, who"),
        (
            "CREATE MACRO f(x) AS x;\n-- then\nSELECT row,\n f(nope) AS id FROM input;\n",
            4,
            'Referenced column "nope"',
        ),
        ("\nSELECT row, wait::INTEGER AS id FROM input", 2, "use TRY_CAST"),
        ("SELECT 1;\nSELECT row FROM input", 1, "only CREATE may stand before"),
        ("SELECT 1;\n-- input.delmi = ','", 2, "unknown option input.delmi; known: format, delim"),
        ("-- input.skip = true\nSELECT 1", 1, "True is not of type int"),
        ("-- input.delim = ;\nSELECT 1", 1, "not a TOML value"),
    ],
)
def test_an_error_names_the_line_of_the_mapping(
    tmp_path: Path, query: str, line: int, says: str
) -> None:
    with pytest.raises(MappingError) as caught:
        _import(tmp_path, query)
    assert str(caught.value).startswith(f"{tmp_path / 'm.sql'}:{line}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("query", ["CREATE MACRO f(x) AS x", "", "-- nothing"])
def test_a_mapping_without_a_query_is_refused(tmp_path: Path, query: str) -> None:
    with pytest.raises(MappingError, match="the last statement must be a query"):
        _import(tmp_path, query)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (ROW, "gives no column 'time'"),
        (f"{ROW}, {TIME}, who AS customer", "unknown column 'customer'; known: row, id,"),
        (f"{ROW}, now()::TIMESTAMP AS time", "names no instant"),
        (f"{ROW}, {TIME}, 'x' AS data", "must be a STRUCT or JSON"),
        (f'{ROW}, {TIME}, 1 AS "data.a", 2 AS "data.a.b"', "lies within"),
        (f"{ROW}, {TIME}, {{'a': 1}} AS data, 1 AS \"data.b\"", "give either"),
        (f"9 AS {ROW}, {TIME}", "gives row 9"),
        (f"NULL::BIGINT AS {ROW}, {TIME}", "gives row None"),
    ],
)
def test_a_result_that_makes_no_events_is_refused(tmp_path: Path, columns: str, says: str) -> None:
    with pytest.raises(MappingError) as caught:
        _import(tmp_path, f"SELECT {columns} FROM input")  # noqa: S608
    assert str(caught.value).startswith(f"{tmp_path / 'm.sql'}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT row, content AS id FROM input, read_text('/etc/hostname')",
        "CREATE TABLE t AS SELECT * FROM read_csv('/etc/hostname'); SELECT row FROM input",
        "COPY input TO 'stolen.csv'; SELECT row FROM input",
        "ATTACH 'other.duckdb'; SELECT row FROM input",
        "SET enable_external_access = true; SELECT row FROM input",
        "INSTALL httpfs; SELECT row FROM input",
        "DELETE FROM input; SELECT row FROM input",
    ],
)
def test_a_mapping_cannot_leave_its_database(tmp_path: Path, query: str) -> None:
    with pytest.raises(MappingError, match=r"Permission Error|only CREATE"):
        _import(tmp_path, query)


def test_a_failed_import_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    out.write_text("from yesterday", encoding="utf-8")
    before = {"calls.csv", "m.sql", "events.jsonl"}
    with pytest.raises(MappingError):
        _import(tmp_path, "SELECT nope FROM input")
    assert out.read_text(encoding="utf-8") == "from yesterday"
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv: no such file"):
        _import(tmp_path, "SELECT 1", tmp_path / "nowhere.csv")


def test_a_file_of_another_format_is_said(tmp_path: Path) -> None:
    source = tmp_path / "calls.parquet"
    source.write_text("who,wait\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"cannot be read as parquet: .*input\.format"):
        _import(tmp_path, "SELECT 1", source)
