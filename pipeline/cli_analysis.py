"""The commands ``assess`` and ``sensitivity``: what a score is worth; ``review``: what a plan is.

Exit codes: 0 done, 1 done with warnings, 2 not done because of the input, a setting or a package
that is missing.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from pipeline.core.policy.compiled import Policy
    from pipeline.tools.assess import Assessment, AssessReport
    from pipeline.tools.auc import Interval
    from pipeline.tools.review import Review
    from pipeline.tools.review_warnings import Warned
    from pipeline.tools.sensitivity import SensitivityReport

_TABLE_WIDTH = 160  # where there is no terminal to ask

analysis = typer.Typer(no_args_is_help=True)

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file; the one shipped by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@analysis.command("assess")
def assess(
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV, JSON or Parquet; may be .gz.", exists=True)
    ],
    mapping: Annotated[Path, typer.Option(help="Makes events of it; as import's.", exists=True)],
    outcomes: Annotated[
        Path, typer.Option(help="A SQL query: which customer came out badly.", exists=True)
    ],
    policy: PolicyFile = None,
    seed: Annotated[int, typer.Option(help="Of the resampling.", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Say how well the readings of customers told bad outcomes, beside simple baselines."""
    _needs_scipy("assess")
    from pipeline.tools.assess import assess as assess_file
    from pipeline.tools.mapping import MappingError
    from pipeline.tools.tables import SourceError

    used = _policy(policy)
    try:
        with _stages() as stage:
            report = assess_file(file, mapping, outcomes, stage, policy=used, seed=seed)
    except (MappingError, SourceError, OSError) as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps(_assess_content(report, used, seed)))
        return
    counts = report._asdict()
    counts.pop("assessments")
    typer.echo(", ".join(f"{name}: {value}" for name, value in counts.items()))
    for assessment in report.assessments:
        typer.echo("\n" + "\n".join(_assessment_lines(assessment)))


@analysis.command("sensitivity")
def sensitivity(
    events: Annotated[
        Path, typer.Argument(help="CloudEvents, one JSON object a line.", exists=True)
    ],
    policy: PolicyFile = None,
    reading: Annotated[str, typer.Option(help="score, loyalty, impression or ratio.")] = "score",
    as_json: AsJson = False,
) -> None:
    """Say which constants matter: each one at the ends of its published interval, by replay."""
    _needs_scipy("sensitivity")
    from pipeline.tools.sensitivity import NoSuchReadingError
    from pipeline.tools.sensitivity import sensitivity as sensitivity_of

    used = _policy(policy)
    try:
        with _stages() as stage:
            report = sensitivity_of(events, stage("replay"), policy=used, reading=reading)
    except (NoSuchReadingError, OSError) as error:
        _fail(error)
    if as_json:
        shifts = [shift._asdict() for shift in report.shifts]
        typer.echo(json.dumps(report._asdict() | {"shifts": shifts, "policy": used.ref.digest}))
        return
    typer.echo("\n".join(_sensitivity_lines(report)))


@analysis.command("review")
def review(
    campaign: Annotated[
        Path, typer.Argument(help="Campaign file; see deploy/campaigns.", exists=True)
    ],
    history: Annotated[
        Path, typer.Option(help="CloudEvents, one JSON object a line.", exists=True)
    ],
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a campaign would do to expectation and satisfaction, and to whom.

    The history up to the start is replayed; then its last days are repeated after the start,
    without and with the campaign. Exit code 1 if something speaks against it.

    \b
    A campaign is YAML; levels and qualities are in [0, 1], as norms are:
    name, starts (RFC 3339), days (so far it is looked ahead)
    who:   {tiers, cohorts, customers, share}; what is absent leaves all
    steps: each with does, and perhaps after_days and to (as who)
      promise:   dimension, level, due_days; kept_share, late_share,
                 late_days, delivered
      gift:      gift, intensity, cost (of one)
      benchmark: dimension, by or to_level (of the norm); delivered
      message:   channel, count, every_days, purpose (notice, care, marketing)
    delivered is the quality of touches there from then on; else as before.
    """
    from pipeline.core.policy.faults import FileError
    from pipeline.tools.histories import read_histories
    from pipeline.tools.review import NoHistoryError
    from pipeline.tools.review import review as review_of
    from pipeline.tools.review_campaign import load_campaign
    from pipeline.tools.review_warnings import warnings_of

    used = _policy(policy)
    try:
        plan = load_campaign(campaign.read_text("utf-8"), name=str(campaign), policy=used)
        with _stages() as stage:
            histories = read_histories(history, used, stage("history"))
            report = review_of(plan, histories, used, stage("futures"))
    except (FileError, NoHistoryError, OSError, UnicodeDecodeError) as error:
        _fail(error)
    warned = warnings_of(report, used)
    _tell_review(report, warned, used, as_json)
    raise typer.Exit(1 if warned else 0)


def _tell_review(
    report: "Review", warned: "Sequence[Warned]", policy: "Policy", as_json: bool
) -> None:
    from pipeline.tools.review_show import (
        review_content,
        review_heading,
        review_table,
        warning_lines,
    )

    if as_json:
        typer.echo(json.dumps(review_content(report, warned, policy), ensure_ascii=False))
        return
    out = Console(highlight=False, markup=False)
    if not out.is_terminal:
        out.width = _TABLE_WIDTH
    typer.echo("\n".join(review_heading(report)) + "\n")
    out.print(review_table(report))
    typer.echo("\n" + "\n".join(warning_lines(warned)))


def _assess_content(report: "AssessReport", policy: "Policy", seed: int) -> dict[str, object]:
    assessments = [
        assessment._asdict()
        | {
            "curves": {
                name: {
                    "auc": curve.auc._asdict(),
                    "against_best": curve.against_best and curve.against_best._asdict(),
                }
                for name, curve in assessment.curves.items()
            }
        }
        for assessment in report.assessments
    ]
    return report._asdict() | {
        "assessments": assessments,
        "policy": policy.ref.digest,
        "seed": seed,
    }


def _assessment_lines(assessment: "Assessment") -> Iterator[str]:
    from pipeline.tools.auc import is_real

    yield f"outcome: {assessment.label or 'bad'}"
    left_out = f"{assessment.without_events} left out, without an event before"
    yield f"{assessment.customers} customers, {assessment.bad} bad ({left_out})"
    rows = [("low reading -> bad outcome", "AUC", "95 %", f"lead over: {assessment.best}")]
    for name, curve in assessment.curves.items():
        lead = curve.against_best
        said = "-"
        if lead is not None:
            verdict = "" if is_real(lead) else ", no real difference"
            said = f"{lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f}){verdict}"
        kind = "baseline: " if name in assessment.baselines else ""
        rows.append((kind + name, f"{curve.auc.value:.3f}", _span(curve.auc), said))
    yield from _table(rows)


def _sensitivity_lines(report: "SensitivityReport") -> Iterator[str]:
    read = f"{report.customers} customers, {report.events} events"
    yield f"{read}, {report.rejected} rejected; reading: {report.reading}"
    if not report.shifts:
        yield "no constant of this policy has an interval"
        return
    rows = [("constant", "is", "at", "Kendall's tau", "mean change")]
    still = sorted({shift.constant for shift in report.shifts if shift.moves_nothing})
    for shift in report.shifts:
        if shift.moves_nothing:
            continue
        tau = "-" if shift.tau is None else f"{shift.tau:.4f}"
        change = "-" if shift.mean_change is None else f"{shift.mean_change:.3f}"
        said = change if shift.refused is None else f"refused: {shift.refused}"
        rows.append((shift.constant, f"{shift.value:g}", f"{shift.end:g}", tau, said))
    yield from _table(rows)
    if still:
        yield f"at an end, these move no customer: {', '.join(still)}"


def _span(interval: "Interval") -> str:
    return f"{interval.low:.3f}-{interval.high:.3f}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _policy(path: Path | None) -> "Policy":
    from pipeline.bootstrap.common import read_policy
    from pipeline.config import ConfigError
    from pipeline.core.policy.load import PolicyError

    try:
        return read_policy(path)
    except (ConfigError, PolicyError) as error:
        _fail(error)


def _needs_scipy(command: str) -> None:
    if find_spec("scipy") is None:
        what = "needs SciPy; pip install 'touchpoint-pipeline[analysis]'"
        _fail(f"touchpoint {command} {what}")


def _fail(error: BaseException | str) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)


@contextmanager
def _stages() -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """Progress bars on standard error, if that is a terminal: ``stage(name)(done, total)``."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn())
    percent = TextColumn("{task.percentage:>3.0f} %")
    with Progress(
        *columns,
        percent,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:

        def stage(name: str) -> Callable[[int, int | None], None]:
            task: TaskID = progress.add_task(name, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield stage
