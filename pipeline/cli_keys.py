"""The commands ``keys create``, ``list`` and ``revoke``.

Exit codes: 0 done, 1 there was nothing to revoke, 2 not done because of the input or a setting.
"""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from sqlalchemy import Engine


_TABLE_WIDTH = 160  # where there is no terminal to ask

keys = typer.Typer(help="Who may call the HTTP interface.", no_args_is_help=True)

Database = Annotated[
    str,
    typer.Option(help="postgresql+psycopg://user@host/name, or the state file of `run`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@keys.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose it is; for people, and for the audit log.")],
    scope: Annotated[
        list[str], typer.Option(help="ingest, read, identify, operate or admin; repeatable.")
    ],
    expires_days: Annotated[
        float | None, typer.Option(min=0.001, max=3650, help="Never by default.")
    ] = None,
    database: Database = "touchpoint.db",
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: it is kept nowhere."""
    from pipeline.adapters.http.admin import told
    from pipeline.adapters.http.keys import make_key
    from schemas.access import Scope
    from sinks.sql.access import SqlAccessStore
    from sinks.sql.audit import SqlAudit

    now = datetime.now(UTC)
    try:
        scopes = msgspec.convert(scope, list[Scope])
        expires = None if expires_days is None else now + timedelta(days=expires_days)
        made = make_key(name, scopes, now=now, expires=expires)
    except (ValueError, msgspec.ValidationError) as error:
        _fail(error)
    key = made.held.key
    with _database(database) as engine:
        SqlAccessStore(engine).add_key(made.held)
        SqlAudit(engine).note(
            "key.create", who=_user(), how="cli", target=f"key:{key.id}", detail=told(key)
        )
    if as_json:
        typer.echo(json.dumps({"text": made.text, "key": msgspec.to_builtins(key)}))
        return
    typer.echo(made.text)
    typer.echo(
        f"key {key.id} for {key.name}: {', '.join(key.scopes)}. It is shown this once. A server "
        "on loopback that was open asks for keys from its next start.",
        err=True,
    )


@keys.command("list")
def list_keys(database: Database = "touchpoint.db", as_json: AsJson = False) -> None:
    """Show all keys, without their secrets."""
    from sinks.sql.access import SqlAccessStore

    with _database(database) as engine:
        found = SqlAccessStore(engine).all_keys()
    if as_json:
        typer.echo(json.dumps({"keys": msgspec.to_builtins(found)}, ensure_ascii=False))
        return
    table = Table("id", "name", "scopes", "created", "expires", "last used", "state")
    now = datetime.now(UTC)
    for key in found:
        times = (key.created, key.expires, key.last_used)
        state = "good" if key.stands(now) else "revoked" if key.revoked else "expired"
        table.add_row(key.id, key.name, ", ".join(key.scopes), *map(_time, times), state)
    out = Console(highlight=False, markup=False)
    if not out.is_terminal:
        out.width = _TABLE_WIDTH
    out.print(table)


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    database: Database = "touchpoint.db",
    as_json: AsJson = False,
) -> None:
    """Let a key open nothing, within five seconds. Exit code 1 if there was none to revoke."""
    from sinks.sql.access import SqlAccessStore
    from sinks.sql.audit import SqlAudit

    with _database(database) as engine:
        done = SqlAccessStore(engine).revoke_key(key_id, datetime.now(UTC))
        if done:
            SqlAudit(engine).note("key.revoke", who=_user(), how="cli", target=f"key:{key_id}")
    if as_json:
        typer.echo(json.dumps({"id": key_id, "revoked": done}))
    elif done:
        typer.echo(f"key {key_id} is revoked")
    else:
        typer.echo(f"error: there is no key {key_id}, or it is revoked already", err=True)
    raise typer.Exit(0 if done else 1)


@contextmanager
def _database(where: str) -> Iterator["Engine"]:
    """The database, if it has the schema of this release: a command migrates nothing."""
    from sqlalchemy.exc import SQLAlchemyError

    from sinks.sql.engine import make_engine, read_only
    from sinks.sql.migrations import is_current

    try:
        engine = make_engine(where if "://" in where else f"sqlite:///{where}")
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file is not None and not Path(file).is_file():
            _fail(f"{file}: no such file; `touchpoint run` makes it when it first starts")
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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "unknown"


def _time(time: datetime | None) -> str:
    return "-" if time is None else time.strftime("%Y-%m-%d %H:%M")


def _fail(error: BaseException | str) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)
