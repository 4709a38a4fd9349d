"""Counting the cases of a replay, and holding them to what the data say of each."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.tools.case_counts import CASES_FILE, CasesError, Counts, count, count_by, read_cases
from schemas.care import CareCase, CaseStep

OPENED = datetime(2026, 3, 2, 9, tzinfo=UTC)
OUTCOMES = """
SELECT incident AS "case", passed_on::INTEGER AS hand_overs, again::INTEGER AS reopened,
  late::BOOLEAN AS breached
FROM input
"""


def case(name: str, **said: object) -> CareCase:
    plain = CareCase(
        id=f"id-{name}",
        customer="customer-1",
        case=name,
        kind="complaint",
        status="open",
        tier="ordinary",
        opened_at=OPENED,
        as_of=OPENED,
        policy="test",
    )
    return msgspec.structs.replace(plain, **said)


def clock(name: str, *, breached: bool) -> CaseStep:
    return CaseStep(name=name, due=OPENED, within_hours=4.0, breached=breached)


def write(folder: Path, *records: CareCase) -> Path:
    lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    (folder / CASES_FILE).write_bytes(lines)
    return folder


def touchpoint(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["cases", *(str(argument) for argument in arguments)])


def test_only_the_last_record_of_a_case_counts(tmp_path: Path) -> None:
    first, last = case("a", hand_overs=1), case("a", hand_overs=3, status="closed", breaches=1)
    found = read_cases(write(tmp_path, first, case("b"), last))
    assert list(found) == ["id-a", "id-b"]
    counts = count(found.values())
    assert counts == Counts(
        opened=2,
        hand_overs=3,
        breached=1,
        breaches=1,
        reopened=0,
        escalated=0,
        open=1,
        resolved=0,
        closed=1,
    )


def test_a_clock_that_ran_out_once_is_remembered_though_a_reopened_case_starts_anew(
    tmp_path: Path,
) -> None:
    late = case("a", steps=(clock("act", breached=True),))
    anew = case("a", steps=(clock("act", breached=False),), reopened=1)
    (found,) = read_cases(write(tmp_path, late, anew)).values()
    assert found.breached == {"act"}


def test_groups_stand_in_order_of_their_size(tmp_path: Path) -> None:
    records = [case("a", topic="bill"), case("b"), case("c", topic="line"), case("d", topic="line")]
    groups = count_by(read_cases(write(tmp_path, *records)).values(), lambda each: each.topic)
    assert [(name, counts.opened) for name, counts in groups.items()] == [
        ("line", 2),
        (None, 1),
        ("bill", 1),
    ]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"{}\n", "1: no case"), (b"\n", "1: no case")]
)
def test_a_file_without_cases_is_an_error_that_says_where(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / CASES_FILE).write_bytes(content)
    with pytest.raises(CasesError, match=said):
        read_cases(tmp_path)
    told = touchpoint(tmp_path)
    assert told.exit_code == 2
    assert CASES_FILE in told.stderr


@pytest.fixture
def compared(tmp_path: Path) -> list[str | Path]:
    """The arguments that compare four cases, and one that the replay lacks."""
    write(
        tmp_path,
        case("a", hand_overs=2, breaches=1, steps=(clock("act", breached=True),)),
        case("b", hand_overs=1, breaches=2, steps=(clock("listen", breached=True),)),
        case("c", reopened=1),
        case("d"),
    )
    data, outcomes = tmp_path / "data.csv", tmp_path / "outcome.sql"
    data.write_text(
        "incident,passed_on,again,late\na,2,0,true\nb,2,0,false\nc,0,1,true\nd,0,0,\ne,0,0,false\n",
        encoding="utf-8",
    )
    outcomes.write_text(OUTCOMES, encoding="utf-8")
    return [tmp_path, "--data", data, "--outcomes", outcomes]


def test_each_case_is_held_to_what_the_data_say_of_it(compared: list[str | Path]) -> None:
    told = json.loads(touchpoint(*compared, "--json").stdout)
    comparison = told["comparison"]
    hand_overs, reopened, breached = comparison["figures"]
    assert hand_overs["differences"] == [{"case": "b", "counted": 1, "told": 2}]
    assert (hand_overs["cases"], hand_overs["equal"], hand_overs["differ"]) == (4, 3, 1)
    assert (reopened["counted"], reopened["told"], reopened["differ"]) == (1, 1, 0)
    # Of d the data do not say whether it was late.
    assert breached["cases"] == 3
    assert comparison["breached"] == {"both": 1, "counted_only": 1, "told_only": 1, "neither": 0}
    assert comparison["not_counted"] == ["e"]


def test_one_clock_alone_can_be_compared(compared: list[str | Path]) -> None:
    told = json.loads(touchpoint(*compared, "--clock", "act", "--json").stdout)
    assert told["comparison"]["breached"] == {
        "both": 1,
        "counted_only": 0,
        "told_only": 1,
        "neither": 1,
    }


def test_tables_show_counts_differences_and_what_one_side_lacks(
    compared: list[str | Path],
) -> None:
    told = touchpoint(*compared)
    assert told.exit_code == 0, told.output
    lines = [line.replace("│", " ").split() for line in told.stdout.splitlines()]
    assert ["all", "4", "3", "2", "3", "1", "0", "4", "0", "0"] in lines
    assert ["hand_overs", "4", "3", "4", "3", "1"] in lines
    assert ["b", "1", "2"] in lines
    assert ["counted:", "yes", "1", "1"] in lines
    assert "1 cases told of, and not in the replay: e\n" in told.stdout


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('SELECT incident AS "case", 1 AS late FROM input', "unknown column 'late'"),
        ('SELECT incident AS "case" FROM input', "gives none of hand_overs"),
        ("SELECT 1 AS hand_overs FROM input", "no column 'case'"),
        ('SELECT incident AS "case", 1 AS breached FROM input', "must be BOOLEAN"),
        ("SELECT 'a' AS \"case\", 1 AS reopened FROM input", "two outcomes"),
        ('SELECT incident AS "case", 1 AS reopened FROM input LIMIT 0', "gives no case"),
    ],
)
def test_an_outcome_query_that_cannot_be_used_is_refused(
    compared: list[str | Path], query: str, said: str
) -> None:
    Path(compared[-1]).write_text(query, encoding="utf-8")
    told = touchpoint(*compared)
    assert told.exit_code == 2
    assert said in told.stderr


def test_a_query_without_its_file_is_refused(compared: list[str | Path]) -> None:
    told = touchpoint(*compared[:1], *compared[3:])
    assert told.exit_code == 2
    assert "--data" in told.stderr
