"""The commands ``touchpoint read-model``: delete what is old, check sums and count them anew.

Exit codes: 0 good, 1 sums differ from a recount, 2 not done because of the input or a setting.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from sinks.sql.recount import Difference

read_model = typer.Typer(
    help="What is read of scores and care: keep it small, and right.", no_args_is_help=True
)

Database = Annotated[str, typer.Option(help="postgresql+psycopg://user@host/name, sqlite:///file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@read_model.command("retain")
def retain(
    database: Database,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Its section retention says what is kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete now what is older than the policy keeps; the sink and `run` do so once a day."""
    from pipeline.bootstrap.common import read_policy
    from pipeline.bootstrap.read_model import retention_of
    from pipeline.config import ConfigError
    from pipeline.core.policy.faults import FileError
    from sinks.sql.retention import forget

    try:
        retention = retention_of(read_policy(policy))
    except (ConfigError, FileError) as error:
        _fail(error)
    with _opened(database) as engine:
        gone = forget(engine, retention, datetime.now(UTC))
    lines = [f"{name}: {rows} deleted" for name, rows in gone.items() if rows]
    _print(as_json, {"deleted": dict(gone)}, "\n".join(lines) or "nothing is too old")


@read_model.command("check")
def check(database: Database, as_json: AsJson = False) -> None:
    """Compare the sums with a recount of the contributions. Exit code 1 if any differ."""
    from sinks.sql.recount import check as compare
    from sinks.sql.rollups import AMOUNTS

    with _opened(database) as engine:
        found = compare(engine)
    content = {
        "contributions": found.contributions,
        "buckets": found.buckets,
        "different": found.different,
        "amounts": AMOUNTS,
        "first": [each._asdict() for each in found.first],
    }
    text = f"{found.contributions} contributions, {found.buckets} sums, {found.different} differ"
    _print(as_json, content, "\n".join([text, *map(_line, found.first)]))
    raise typer.Exit(1 if found.different else 0)


@read_model.command("rebuild")
def rebuild(database: Database, as_json: AsJson = False) -> None:
    """Count the sums anew from the contributions, in one transaction; the sink waits for it."""
    from sinks.sql.recount import rebuild as count_anew

    with _opened(database) as engine:
        made = count_anew(engine)
    text = f"{made.buckets} sums of {made.contributions} contributions"
    _print(as_json, made._asdict(), text)


def _line(difference: "Difference") -> str:
    grain, axis, start, value, dimension = difference.key
    what = f"{grain} {start} {axis} {value!r} {dimension or 'all'}"
    return f"{what}: is {difference.kept}, should be {difference.counted}"


@contextmanager
def _opened(url: str) -> Iterator["Engine"]:
    """The database, whose schema is this release's: these commands migrate nothing."""
    from sqlalchemy.exc import SQLAlchemyError

    from sinks.sql.engine import make_engine, read_only
    from sinks.sql.migrations import is_current

    try:
        engine = make_engine(url)
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file is not None and not Path(file).is_file():
            _fail(f"{file}: no such file")  # to open it would make it
        with read_only(engine).connect() as connection:
            current = is_current(connection)
        if not current:
            _fail(
                "the database has not the schema of this release; the sink or `touchpoint run` "
                "of this release brings it up to date when it starts"
            )
        yield engine
        engine.dispose()
    except (ValueError, SQLAlchemyError) as error:
        _fail(error)


def _print(as_json: bool, content: dict[str, object], text: str) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False) if as_json else text)


def _fail(error: BaseException | str) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)
