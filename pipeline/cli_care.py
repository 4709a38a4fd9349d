"""The commands ``ledger``, ``outlook``, ``cases``: whether care adds up and forecasts held.

Exit codes: 0 good, 1 the ledger does not add up, 2 not done because of the input or a setting.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.tools.case_counts import Case
    from pipeline.tools.case_outcomes import Comparison
    from sinks.sql.ledger import Ledger
    from sinks.sql.outlooks import Calibration

_TABLE_WIDTH = 160  # where there is no terminal to ask

care = typer.Typer(no_args_is_help=True)

Url = Annotated[
    str | None, typer.Option(help="postgresql+psycopg://user@host/name, sqlite:///file.")
]
Db = Annotated[Path | None, typer.Option(help="State file of `touchpoint run`, in place of --url.")]
Since = Annotated[datetime | None, typer.Option(help="From this time on (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Before this time (UTC).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@care.command("ledger")
def ledger(
    url: Url = None,
    db: Db = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of every proposal, by action and reason. Exit code 1 if it does not add up.

    Times are those of a proposal's first decision.
    """
    from sinks.sql.ledger import ledger_balance

    with database(url, db) as engine:
        found = ledger_balance(engine, since=_utc(since), until=_utc(until))
    if as_json:
        typer.echo(json.dumps(_ledger_content(found), ensure_ascii=False))
    else:
        _show_ledger(found)
    raise typer.Exit(0 if found.holds else 1)


@care.command("outlook")
def outlook(
    url: Url = None,
    db: Db = None,
    name: Annotated[str | None, typer.Option(help="Only this outlook.")] = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Say how well outlooks were calibrated: Brier score, skill, and forecast against observed.

    Times are those at which an outlook was made.
    """
    from sinks.sql.outlooks import calibration, outlook_names

    with database(url, db) as engine:
        known = outlook_names(engine)
        if name is not None and name not in known:
            fail(f"no check of an outlook {name!r}; known: {', '.join(known) or 'none'}")
        found = [
            calibration(engine, each, since=_utc(since), until=_utc(until))
            for each in (known if name is None else [name])
        ]
    if as_json:
        shown = [each._asdict() | {"bins": [bin._asdict() for bin in each.bins]} for each in found]
        typer.echo(json.dumps({"outlooks": shown}, ensure_ascii=False))
        return
    if not found:
        typer.echo("no outlook has been settled yet")
    for each in found:
        _show_calibration(each)


@care.command("cases")
def cases(
    folder: Annotated[Path, typer.Argument(help="What replay wrote; it holds cases.jsonl.")],
    outcomes: Annotated[
        Path | None, typer.Option(help="A SQL query: what the data say of each case.", exists=True)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The file that query is about.", exists=True)
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="Compare only this step's clock; any by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count cases, hand-overs, clocks that ran out and reopenings; compare them with the data."""
    from pipeline.tools.case_counts import CasesError, read_cases
    from pipeline.tools.case_outcomes import compare, read_outcomes
    from pipeline.tools.mapping import MappingError
    from pipeline.tools.tables import SourceError

    if (outcomes is None) != (data is None):
        fail("--outcomes and --data go together: the query, and the file it is about")
    try:
        found = list(read_cases(folder).values())
        told = None if outcomes is None or data is None else read_outcomes(data, outcomes)
    except (CasesError, MappingError, SourceError, OSError) as error:
        fail(error)
    _tell_cases(found, None if told is None else compare(found, told, clock=clock), as_json)


def _tell_cases(found: "list[Case]", comparison: "Comparison | None", as_json: bool) -> None:
    from pipeline.tools.cases_show import (
        cases_content,
        comparison_tables,
        counts_tables,
        one_sided_lines,
    )

    if as_json:
        typer.echo(json.dumps(cases_content(found, comparison), ensure_ascii=False))
        return
    _print(*counts_tables(found))
    if comparison is not None:
        _print(*comparison_tables(comparison))
        for line in one_sided_lines(comparison):
            typer.echo(line)


def _ledger_content(found: "Ledger") -> dict[str, object]:
    return {
        "holds": found.holds,
        "actions": [balance._asdict() | {"holds": balance.holds} for balance in found.actions],
        "reasons": [reason._asdict() for reason in found.reasons],
        "broken": found.broken,
        "offenders": [offender._asdict() for offender in found.offenders],
    }


def _show_ledger(found: "Ledger") -> None:
    if not found.actions:
        typer.echo("no proposal yet")
        return
    names = [name for name in found.actions[0]._fields if name != "action"]
    balances = Table("action", *(_number(name) for name in names), "adds up")
    for balance in found.actions:
        counts = (str(getattr(balance, name)) for name in names)
        balances.add_row(balance.action, *counts, "yes" if balance.holds else "NO")
    reasons = Table("action", "outcome", "reason", _number("proposals"))
    for reason in found.reasons:
        reasons.add_row(*map(str, reason))
    _print(balances, reasons)
    for offender in found.offenders:
        outcomes = ", ".join(offender.outcomes)
        typer.echo(f"{offender.id} of {offender.customer}: several final outcomes: {outcomes}")
    if found.broken > len(found.offenders):
        typer.echo(f"... and {found.broken - len(found.offenders)} more")


def _show_calibration(found: "Calibration") -> None:
    typer.echo(f"{found.outlook}: {found.n} checks, {found.immature} too young and left out")
    if not found.n:
        return
    typer.echo(
        f"base rate {_share(found.base_rate)}, mean forecast {_share(found.mean_forecast)}, "
        f"Brier score {_share(found.brier)}, "
        f"skill against the base rate {'-' if found.skill is None else f'{found.skill:+.3f}'}"
    )
    table = Table("probability", *map(_number, ("n", "forecast", "observed", "95 %")))
    for each in found.bins:
        span = "-"
        if each.n:
            span = f"{_share(each.observed_low)}-{_share(each.observed_high)}"
        place = f"{each.low:.1f}-{each.high:.1f}"
        forecast, observed = _share(each.forecast), _share(each.observed)
        table.add_row(place, str(each.n), forecast, observed, span)
    _print(table)


def _number(name: str) -> Column:
    return Column(name.replace("_", " "), justify="right")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _print(*tables: Table) -> None:
    out = Console(highlight=False, markup=False)
    if not out.is_terminal:
        out.width = _TABLE_WIDTH
    for table in tables:
        out.print(table)


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


@contextmanager
def database(url: str | None, db: Path | None) -> Iterator["Engine"]:
    """The database to read, whose schema is this release's: reading migrates nothing."""
    from sqlalchemy.exc import SQLAlchemyError

    from sinks.sql.engine import make_engine, read_only
    from sinks.sql.migrations import is_current

    if (url is None) == (db is None):
        fail("say which database: --url URL, or --db FILE")
    try:
        engine = make_engine(url if url is not None else f"sqlite:///{db}")
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file is not None and not Path(file).is_file():
            fail(f"{file}: no such file")  # to open it would make it
        with read_only(engine).connect() as connection:
            current = is_current(connection)
        if not current:
            fail(
                "the database has not the schema of this release; the sink or `touchpoint run` "
                "of this release brings it up to date when it starts"
            )
        yield engine
        engine.dispose()
    except (ValueError, SQLAlchemyError) as error:
        fail(error)


def fail(error: BaseException | str) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)
