"""``touchpoint ledger`` and ``touchpoint outlook``: tables, JSON, and exit codes for scripts."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from schemas.care import DecisionOutcome
from schemas.topics import DECISIONS, OUTLOOKS
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples


def touchpoint(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A state file with two proposals and five outlooks."""
    path = tmp_path / "t.db"
    decide(path, ("1", "requested"), ("2", "withheld"))
    checks = [
        (OUTLOOKS, b"c1", samples.encode(samples.outlook_check("c1", number)))
        for number in range(5)
    ]
    engine = make_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        write_outputs(connection, checks)
    engine.dispose()
    return path


def decide(path: Path, *steps: tuple[str, DecisionOutcome]) -> None:
    """Add decisions on proposals."""
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    made = [
        msgspec.structs.replace(samples.decision("c1", 0, outcome=outcome), id=name)
        for name, outcome in steps
    ]
    with engine.begin() as connection:
        write_outputs(connection, [(DECISIONS, b"c1", samples.encode(each)) for each in made])
    engine.dispose()


def test_a_ledger_that_adds_up_is_a_table_and_exit_code_0(db: Path) -> None:
    done = touchpoint("ledger", "--db", db)
    assert done.exit_code == 0, done.output
    (row,) = [line for line in done.stdout.splitlines() if "voucher" in line and "yes" in line]
    assert [cell.strip() for cell in row.strip("│┃ ").split("│")] == [
        "voucher",
        *("2", "1", "1", "0", "0", "0"),
        "yes",
    ]


def test_the_same_as_json_by_url(db: Path) -> None:
    told = json.loads(touchpoint("ledger", "--url", f"sqlite:///{db}", "--json").stdout)
    assert told["holds"] is True
    (balance,) = told["actions"]
    assert (balance["action"], balance["proposed"], balance["open"]) == ("voucher", 2, 0)
    assert {(r["outcome"], r["reason"], r["proposals"]) for r in told["reasons"]} == {
        ("requested", "budget", 1),
        ("withheld", "budget", 1),
    }
    assert told["offenders"] == []


def test_a_proposal_that_ended_twice_is_named_with_exit_code_1(db: Path) -> None:
    decide(db, ("2", "requested"))
    done = touchpoint("ledger", "--db", db)
    assert done.exit_code == 1
    assert "2 of c1: several final outcomes: withheld, requested" in done.stdout
    assert "NO" in done.stdout
    assert json.loads(touchpoint("ledger", "--db", db, "--json").stdout)["broken"] == 1


def test_a_time_leaves_out_what_was_decided_before_it(db: Path) -> None:
    done = touchpoint("ledger", "--db", db, "--since", "2026-03-02", "--json")
    assert json.loads(done.stdout)["actions"] == []
    assert "no proposal yet" in touchpoint("ledger", "--db", db, "--since", "2026-03-02").stdout


def test_outlooks_are_shown_with_their_reliability(db: Path) -> None:
    done = touchpoint("outlook", "--db", db)
    assert done.exit_code == 0, done.output
    assert "churn: 5 checks, 0 too young and left out" in done.stdout
    assert "base rate 0.400" in done.stdout
    assert "0.2-0.3" in done.stdout
    (told,) = json.loads(touchpoint("outlook", "--db", db, "--json").stdout)["outlooks"]
    assert (told["outlook"], told["n"], len(told["bins"])) == ("churn", 5, 10)


def test_an_outlook_that_is_not_there_is_refused_with_what_is_known(db: Path) -> None:
    done = touchpoint("outlook", "--db", db, "--name", "chrun")
    assert done.exit_code == 2
    assert "'chrun'; known: churn" in done.stderr


@pytest.mark.parametrize("command", ["ledger", "outlook"])
def test_a_database_that_cannot_be_read_is_refused(command: str, tmp_path: Path) -> None:
    absent = tmp_path / "absent.db"
    assert "no such file" in touchpoint(command, "--db", absent).stderr
    assert "no such file" in touchpoint(command, "--url", f"sqlite:///{absent}").stderr
    assert not absent.exists()
    assert "--url URL, or --db FILE" in touchpoint(command).stderr
    text = tmp_path / "text.db"
    text.write_text("no database " * 100)
    for arguments in (
        ("--db", absent),
        ("--db", text),
        (),
        ("--url", "mysql://host/name"),
        ("--db", text, "--url", "sqlite://"),
    ):
        refused = touchpoint(command, *arguments)
        assert refused.exit_code == 2, refused.output
        assert refused.stderr.startswith("error: ")


def test_a_database_of_an_earlier_release_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine, "0001")
    engine.dispose()
    for _ in range(2):
        refused = touchpoint("ledger", "--db", path)
        assert refused.exit_code == 2
        assert "not the schema of this release" in refused.stderr
