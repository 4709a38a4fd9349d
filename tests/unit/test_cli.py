"""The command line: what scripts rely on, and what people read when something is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from tests.unit.events import DEFAULT_POLICY, event_bytes

TRANSACTION = "touchpoint.transaction.completed.v1"


def touchpoint(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def logs_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands set up the log of their process; here it is that of all tests."""
    monkeypatch.setattr("pipeline.adapters.telemetry.logs.configure_logs", lambda level: None)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    lines = [event_bytes(TRANSACTION, id=f"e-{number}") for number in range(3)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_replay_prints_counts_and_digests_and_writes_its_files(
    events: Path, tmp_path: Path
) -> None:
    done = touchpoint("replay", events, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["read"], told["processed"], told["rejected"]) == (3, 3, 0)
    assert set(told["digests"]) == {path.name for path in (tmp_path / "out").iterdir()}
    (score,) = map(json.loads, (tmp_path / "out/scores.jsonl").read_text().splitlines())
    assert (score["customer"], score["events"]) == ("customer-1", 3)
    assert {"score", "confidence"} <= set(score)
    assert len((tmp_path / "out/actions.jsonl").read_text().splitlines()) == 3


def test_replay_with_rejected_lines_says_so_in_its_exit_code(events: Path, tmp_path: Path) -> None:
    with events.open("ab") as file:
        file.write(b"{broken\n")
    done = touchpoint("replay", events, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "rejected: 1" in done.stdout


def test_a_bad_policy_is_refused_with_file_line_and_what_is_known(
    events: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "care.yaml"
    policy.write_text(DEFAULT_POLICY.replace("default_tier: ordinary", "default_tier: silver"))
    line = DEFAULT_POLICY[: DEFAULT_POLICY.index("default_tier:")].count("\n") + 1
    done = touchpoint("replay", events, "--policy", policy, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert f"care.yaml:{line}: default_tier: unknown tier 'silver'; known: gold, ordinary" in (
        done.stderr
    )


def test_a_policy_file_that_is_not_there_is_named(events: Path, tmp_path: Path) -> None:
    done = touchpoint("replay", events, "--policy", tmp_path / "no.yaml", "--out", tmp_path / "o")
    assert done.exit_code == 2
    assert "no.yaml" in done.stderr


def test_a_misspelt_setting_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOUCHPOINT_KAFKA_BOTSTRAP", "x:1")
    done = touchpoint("topics", "plan")
    assert done.exit_code == 2
    assert "TOUCHPOINT_KAFKA_BOTSTRAP is no setting" in done.stderr
    assert "TOUCHPOINT_KAFKA_BOOTSTRAP" in done.stderr


def test_a_setting_of_the_wrong_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_KAFKA_PARTITIONS", "many")
    done = touchpoint("topics", "plan")
    assert done.exit_code == 2
    assert "TOUCHPOINT_KAFKA_PARTITIONS" in done.stderr


def test_a_server_open_to_others_needs_a_key(tmp_path: Path) -> None:
    done = touchpoint("run", "--host", "0.0.0.0", "--db", tmp_path / "t.db")  # noqa: S104
    assert done.exit_code == 2
    assert "no API key is set" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", [[], ["run"], ["serve"], ["worker"], ["topics", "plan"], ["sink", "sql"], ["import"]]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    done = touchpoint(*command, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.output
