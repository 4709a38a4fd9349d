"""Sensitivity: which constants turn the customers' order, seen where the turn is known."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.tools.sensitivity import NoSuchReadingError, SensitivityReport, sensitivity
from tests.unit.events import DEFAULT_POLICY, event

SURVEY = "touchpoint.survey.answered.v1"
# At a half-life of 30 days ann's old failure hurts more than bob's new disappointment; at a day
# it is forgotten, so they change places.
ANN = [("ann", "2024-01-01T12:00:00Z", 1.0)]
BOB = [("bob", "2024-01-20T12:00:00Z", 3.0)]
CEM = [("cem", "2024-01-20T12:00:00Z", 5.0)]


def with_intervals(**intervals: list[float]) -> str:
    """The default policy with these intervals in ``score`` and no others."""
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(DEFAULT_POLICY)
    _without_intervals(content)
    for name, interval in intervals.items():
        content["score"][name]["interval"] = interval
    return json.dumps(content, default=str)


def _without_intervals(node: object) -> None:
    if isinstance(node, dict):
        if {"value", "source"} <= set(node):
            node.pop("interval", None)
        for child in node.values():
            _without_intervals(child)


def policy_of(text: str) -> Policy:
    return load_policy(text, name="policy.yaml").policy


@pytest.fixture
def events(tmp_path: Path) -> Callable[[Sequence[tuple[str, str, float]]], Path]:
    def write(touches: Sequence[tuple[str, str, float]]) -> Path:
        path = tmp_path / "events.jsonl"
        lines = [
            json.dumps(
                event(
                    SURVEY,
                    id=f"e-{number}",
                    subject=who,
                    time=at,
                    data={"survey": "exit", "answers": {"attitude": rating}},
                )
            )
            for number, (who, at, rating) in enumerate(touches)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def run(path: Path, text: str, reading: str = "score") -> SensitivityReport:
    return sensitivity(path, lambda *_: None, policy=policy_of(text), reading=reading)


def test_a_shorter_memory_turns_old_against_new(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    report = run(events([*ANN, *BOB, *CEM]), with_intervals(half_life_days=[1, 30]))
    (shift,) = report.shifts  # 30 is the value itself: no end to try
    assert (shift.constant, shift.value, shift.end) == ("score.half_life_days", 30, 1)
    # ann < bob < cem becomes bob < ann < cem: two pairs of three in order, one against.
    assert shift.tau == pytest.approx(1 / 3)
    assert (report.customers, report.events, report.rejected) == (3, 3, 0)


def test_the_gain_changes_scores_and_no_places(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    report = run(events([*ANN, *BOB, *CEM]), with_intervals(gain=[0.02, 2]))
    assert [shift.tau for shift in report.shifts] == [1.0, 1.0]
    assert all(shift.mean_change for shift in report.shifts)


def test_what_matters_most_stands_first(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    text = with_intervals(gain=[0.02, 2], half_life_days=[1, 30])
    report = run(events([*ANN, *BOB, *CEM]), text)
    assert [shift.constant for shift in report.shifts] == [
        "score.half_life_days",
        "score.gain",
        "score.gain",
    ]


def test_an_end_that_the_policy_refuses_is_told(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    (shift,) = run(events(ANN), with_intervals(baseline=[75, 100])).shifts
    assert shift.refused is not None
    assert "between 0 and 100" in shift.refused
    assert shift.tau is None


def test_customers_who_are_all_equal_have_no_order(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    same = [("ann", *BOB[0][1:]), ("bob", *BOB[0][1:])]
    (shift,) = run(events(same), with_intervals(half_life_days=[1, 30])).shifts
    assert shift.tau is None
    assert shift.mean_change == 0.0  # read at the moment of the last event: nothing decayed


def test_lines_that_are_no_events_are_counted(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    path = events(ANN)
    with path.open("a") as file:
        file.write("{broken\n")
    assert run(path, with_intervals()).rejected == 1


def test_an_unknown_reading_is_refused_with_the_known_ones(
    events: Callable[[Sequence[tuple[str, str, float]]], Path],
) -> None:
    with pytest.raises(NoSuchReadingError, match=r"no reading 'mood'; known: .*score"):
        run(events(ANN), with_intervals(), reading="mood")


def test_the_command_prints_a_table_and_json(
    events: Callable[[Sequence[tuple[str, str, float]]], Path], tmp_path: Path
) -> None:
    path, policy = events([*ANN, *BOB, *CEM]), tmp_path / "policy.yaml"
    policy.write_text(with_intervals(half_life_days=[1, 30]), encoding="utf-8")
    given = ["sensitivity", str(path), "--policy", str(policy)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split()[:4] == ["score.half_life_days", "30", "1", "0.3333"]
    told = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)
    assert told["shifts"][0]["constant"] == "score.half_life_days"
    assert told["policy"] == policy_of(policy.read_text(encoding="utf-8")).ref.digest
