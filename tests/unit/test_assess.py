"""Assessing a score: areas, intervals and leads on data small enough to check by hand."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.tools.assess import FEWEST, LAST, MEAN, AssessReport, assess
from pipeline.tools.auc import curves, is_real
from pipeline.tools.mapping import MappingError
from tests.unit.core import default_policy

MAPPING = """
SELECT row, 'answer-' || row AS id, 'urn:test' AS source, who AS subject, time,
  'touchpoint.survey.answered.v1' AS type, 'exit' AS "data.survey",
  TRY_CAST(rating AS DOUBLE) AS "data.answers.attitude"
FROM input
"""
OUTCOMES = "SELECT who AS subject, bool_or(result = 'bad') AS outcome FROM input GROUP BY who"
# Bad outcomes rated 1 and 4, good ones 2 and 5: of the four pairs three are in order.
FOUR = [("ann", 1, "bad"), ("bob", 2, "good"), ("cem", 4, "bad"), ("dee", 5, "good")]

Assess = Callable[..., AssessReport]


def table(rows: Sequence[tuple[object, ...]], at: str = "2024-01-01T12:00:00Z") -> str:
    lines = [",".join(map(str, (row if len(row) == 4 else (*row, at)))) for row in rows]
    return "\n".join(["who,rating,result,time", *lines]) + "\n"


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., tuple[Path, Path, Path]]:
    def write(
        content: str, outcomes: str = OUTCOMES, mapping: str = MAPPING
    ) -> tuple[Path, Path, Path]:
        paths = tmp_path / "in.csv", tmp_path / "in.sql", tmp_path / "in.outcome.sql"
        for path, text in zip(paths, (content, mapping, outcomes), strict=True):
            path.write_text(text, encoding="utf-8")
        return paths

    return write


@pytest.fixture
def run(files: Callable[..., tuple[Path, Path, Path]]) -> Assess:
    def run(*texts: str, seed: int = 1) -> AssessReport:
        policy = default_policy()
        return assess(*files(*texts), lambda _: lambda *_: None, policy=policy, seed=seed)

    return run


def auc_of(report: AssessReport, name: str) -> float:
    return report.assessments[0].curves[name].auc.value


def test_the_area_is_the_share_of_pairs_in_order(run: Assess) -> None:
    report = run(table(FOUR))
    (told,) = report.assessments
    assert (report.rows, report.events, told.customers, told.bad) == (4, 4, 4, 2)
    assert auc_of(report, "score") == auc_of(report, MEAN) == auc_of(report, LAST) == 0.75
    assert auc_of(report, FEWEST) == 0.5  # all have one event: a tie counts half


def test_low_readings_with_good_outcomes_are_below_a_half(run: Assess) -> None:
    turned = [(who, rating, "good" if result == "bad" else "bad") for who, rating, result in FOUR]
    assert auc_of(run(table(turned)), "score") == 0.25


def test_events_at_and_after_the_given_time_are_not_used(run: Assess) -> None:
    later = [("ann", 5, "bad"), ("cem", 5, "bad"), ("bob", 1, "good"), ("dee", 1, "good")]
    early, late = table(FOUR), table(later, at="2024-01-02T00:00:00Z")
    content = early + late.partition("\n")[2]
    until = OUTCOMES.replace(" FROM", ", TIMESTAMPTZ '2024-01-02 00:00:00Z' AS until FROM")
    assert auc_of(run(content, until), "score") == 0.75
    assert auc_of(run(content), LAST) == 0.0


def test_a_customer_without_an_event_before_is_counted_and_left_out(run: Assess) -> None:
    late = table([("eve", 1, "bad")], at="2024-01-03T00:00:00Z").partition("\n")[2]
    until = OUTCOMES.replace(" FROM", ", TIMESTAMPTZ '2024-01-02 00:00:00Z' AS until FROM")
    (told,) = run(table(FOUR) + late, until).assessments
    assert (told.customers, told.bad, told.without_events) == (4, 2, 1)
    assert told.curves["score"].auc.value == 0.75


def test_a_baseline_of_the_querys_own_stands_beside_the_others(run: Assess) -> None:
    own = OUTCOMES.replace(" FROM", ', -avg(rating::INT) AS "baseline.grumbles" FROM')
    (told,) = run(table(FOUR), own).assessments
    assert told.curves["grumbles"].auc.value == 0.25
    assert told.baselines == (MEAN, LAST, FEWEST, "grumbles")
    assert told.best == MEAN


def test_each_label_is_assessed_by_itself(run: Assess) -> None:
    both = """
      SELECT who AS subject, 'told' AS label, result = 'bad' AS outcome FROM input
      UNION ALL SELECT who, 'low', rating::INT < 3 FROM input"""
    low, told = run(table(FOUR), both).assessments
    assert (low.label, low.curves["score"].auc.value) == ("low", 1.0)
    assert (told.label, told.curves["score"].auc.value) == ("told", 0.75)


def test_an_unknown_outcome_counts_for_nobody(run: Assess) -> None:
    unknown = "SELECT who AS subject, nullif(result, '?') = 'bad' AS outcome FROM input"
    (told,) = run(table([*FOUR, ("eve", 3, "?")]), unknown).assessments
    assert told.customers == 4


def test_what_the_mapping_made_is_there_and_its_names_are_free(run: Assess) -> None:
    mapping = "CREATE MACRO low(x) AS x::INT < 3;" + MAPPING
    reads = """CREATE MACRO low(x) AS x < 5;
      SELECT subject, low("data.answers.attitude") AS outcome FROM mapped JOIN input USING (row)"""
    (told,) = run(table(FOUR), reads, mapping).assessments
    assert told.bad == 3


def test_the_same_seed_gives_the_same_intervals(run: Assess) -> None:
    many = [(f"c-{n}", n % 5 + 1, "bad" if n % 7 < n % 5 else "good") for n in range(60)]
    assert run(table(many)) == run(table(many))
    assert run(table(many)) != run(table(many), seed=2)


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ("SELECT who AS subject FROM input", "no column 'outcome'"),
        ("SELECT who AS subject, result AS outcome FROM input", "outcome is VARCHAR"),
        ("SELECT who AS subject, true AS outcome, 1 AS odd FROM input", "unknown column 'odd'"),
        ("SELECT who AS subject, true AS outcome, time AS until FROM input", "names no instant"),
        ("SELECT 'ann' AS subject, true AS outcome FROM input", "'ann' has two outcomes"),
        ("SELECT who AS subject, true AS outcome FROM input", "all came out the same"),
        ("SELECT who AS subject, true AS outcome FROM input WHERE false", "gives no outcome"),
        ("SELECT\nnobody AS subject, true AS outcome FROM input", "in.outcome.sql:2: "),
    ],
)
def test_an_outcome_query_that_cannot_be_used_says_why(
    run: Assess, outcomes: str, says: str
) -> None:
    with pytest.raises(MappingError, match=says):
        run(table(FOUR), outcomes)


def test_a_lead_is_real_only_where_its_interval_leaves_out_nothing() -> None:
    bad = [True] * 50 + [False] * 50
    right = [float(n) for n in range(100)]
    wrong = [float(n % 7) for n in range(100)]
    near = [*right[:49], 51.5, 48.5, *right[51:]]  # one bad and one good change places
    best, told = curves(
        {"right": right, "near": near, "wrong": wrong},
        bad,
        baselines=("near", "wrong"),
        seed=1,
        progress=lambda *_: None,
    )
    assert best == "near"
    assert told["near"].against_best is None
    lead, lag = told["right"].against_best, told["wrong"].against_best
    assert lead is not None
    assert not is_real(lead)
    assert lag is not None
    assert is_real(lag)


def touchpoint(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_prints_areas_beside_baselines(
    files: Callable[..., tuple[Path, Path, Path]],
) -> None:
    source, mapping, outcomes = files(table(FOUR))
    given = ("assess", source, "--mapping", mapping, "--outcomes", outcomes)
    done = touchpoint(*given)
    assert done.exit_code == 0, done.output
    assert "4 customers, 2 bad (0 left out" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("score ")]
    assert line.split()[1] == "0.750"
    assert line.endswith("no real difference")
    told = json.loads(touchpoint(*given, "--json").stdout)
    assert told["policy"] == default_policy().ref.digest
    assert told["assessments"][0]["curves"]["score"]["auc"]["value"] == 0.75


def test_without_scipy_the_commands_say_what_to_install(
    files: Callable[..., tuple[Path, Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli_analysis.find_spec", lambda _: None)
    source, mapping, outcomes = files(table(FOUR))
    done = touchpoint("assess", source, "--mapping", mapping, "--outcomes", outcomes)
    assert done.exit_code == 2
    assert "pip install 'touchpoint-pipeline[analysis]'" in done.stderr
    assert touchpoint("sensitivity", source).exit_code == 2
