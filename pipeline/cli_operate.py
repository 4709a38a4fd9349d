"""The commands ``dlq`` and ``care``: dead letters sent again, and orders for actions.

Exit codes: 0 done, 1 done with something refused, 2 not done because of the input or a setting.
"""

import asyncio
import base64
import getpass
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from pipeline.cli_care import AsJson, Db, Url, database, fail

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.adapters.http.acts import Desk
    from pipeline.adapters.kafka.settings import KafkaSettings
    from schemas.care import OrderKind
    from schemas.dead_letter import KeptLetter

dlq = typer.Typer(help="Dead letters: look at them, send them again.", no_args_is_help=True)
orders = typer.Typer(help="Orders for single actions.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why, in your own words.")]
By = Annotated[str | None, typer.Option(help="Who orders it; by default who is logged in.")]
Letter = Annotated[int, typer.Argument(min=0, help="The id that `list` shows.")]
Action = Annotated[str, typer.Argument(help="The action's id.")]
Bootstrap = Annotated[
    str | None,
    typer.Option(help="With --url: brokers, host:port[,...]; TOUCHPOINT_KAFKA_BOOTSTRAP."),
]
Prefix = Annotated[str | None, typer.Option(help="Put before every topic's name.")]

_REASON_CHARACTERS = 500


@dlq.command("list")
def dlq_list(
    url: Url = None,
    db: Db = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Letters at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, those that came last first."""
    from sinks.sql.read import ReadModel

    with database(url, db) as engine:
        items = ReadModel(engine).dead_letters(limit).items
    if as_json:
        typer.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    for item in items:
        place = f"{item['topic']}/{item['partition']}@{item['offset']}"
        again = f"  sent again {item['redriven_at']}" if item["redriven_at"] else ""
        typer.echo(f"{item['id']}  {item['reason']}  {place}  {item['detail']}{again}")
    if not items:
        typer.echo("no dead letters")


@dlq.command("show")
def dlq_show(letter: Letter, url: Url = None, db: Db = None, as_json: AsJson = False) -> None:
    """Show one dead letter with its original bytes."""
    with database(url, db) as engine:
        kept = _letter(engine, letter)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(kept).decode())
        return
    one = kept.letter
    typer.echo(f"{one.topic}/{one.partition}@{one.offset}: {one.reason.value}: {one.detail}")
    for field in one.fields:
        typer.echo(f"  {field.field}: {field.message}")
    typer.echo(f"by {one.component} {one.version}, attempts: {one.attempts}")
    if kept.redriven_at is not None:
        typer.echo(f"sent again at {kept.redriven_at.isoformat()} by {kept.redriven_by}")
    typer.echo(f"key: {_text(one.key)}")
    for name, header in one.headers:
        typer.echo(f"header {name}: {_text(header)}")
    typer.echo(_text(one.value))


@dlq.command("redrive")
def dlq_redrive(
    letters: Annotated[list[int], typer.Argument(min=0, help="Ids that `list` shows.")],
    reason: Reason,
    url: Url = None,
    db: Db = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    by: By = None,
) -> None:
    """Send dead letters back to their topic, as they were. Exit code 1 if one was refused.

    With --db the pipeline on that file must not run; one that runs takes
    POST /v1/dead-letters/ID/redrive.
    """
    from pipeline.adapters.http.acts import Actor, redrive_letter
    from pipeline.adapters.http.ports import Busy, NoWayBack, Unavailable
    from pipeline.adapters.http.problems import ProblemError

    _check(reason)
    actor = Actor(by or getpass.getuser(), "cli")

    async def redrive(engine: "Engine", settings: "KafkaSettings | None") -> int:
        refused = 0
        async with _desk(engine, settings, db, redrives=True) as desk:
            for letter in letters:
                try:
                    _, again = await redrive_letter(desk, letter, actor=actor, reason=reason)
                except (ProblemError, NoWayBack, Busy, Unavailable) as error:
                    refused += 1
                    typer.echo(f"{letter}: not sent: {error}", err=True)
                else:
                    typer.echo(f"{letter}: {'was sent again before' if again else 'sent again'}")
        return refused

    refused = _act(url, db, bootstrap, prefix, redrive)
    raise typer.Exit(1 if refused else 0)


@orders.command("waiting")
def care_waiting(
    url: Url = None,
    db: Db = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Rows of each kind at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what is not sent before somebody says so, the longest wait first."""
    import msgspec

    from pipeline.adapters.http.queue import waiting_of
    from sinks.sql.queue import CareQueue

    with database(url, db) as engine:
        found = waiting_of(CareQueue(engine).to_decide(limit))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for each in found.items:
        why = f"held by {each.by}: {each.reason}" if each.why == "held" else "needs approval"
        what = f"{each.latest.action} for {each.latest.customer}"
        typer.echo(f"{each.id}  since {each.since:%Y-%m-%dT%H:%M:%SZ}  {what}  {why}")
    if not found.items:
        typer.echo("nothing waits for a person")
    elif found.more:
        typer.echo("and more: see --limit")


def _order(kind: "OrderKind", help_text: str) -> None:
    def command(
        action: Action,
        reason: Reason,
        url: Url = None,
        db: Db = None,
        bootstrap: Bootstrap = None,
        prefix: Prefix = None,
        by: By = None,
    ) -> None:
        from pipeline.adapters.http.acts import Actor, give_order
        from pipeline.adapters.http.ports import Unavailable
        from pipeline.adapters.http.problems import ProblemError

        _check(reason)
        actor = Actor(by or getpass.getuser(), "cli")

        async def give(engine: "Engine", settings: "KafkaSettings | None") -> int:
            async with _desk(engine, settings, db) as desk:
                try:
                    await give_order(
                        desk, action, kind, actor=actor, reason=reason, key=str(uuid4())
                    )
                except (ProblemError, Unavailable) as error:
                    fail(f"{kind} was not ordered: {error}")
            typer.echo(f"ordered: {kind}")
            return 0

        _act(url, db, bootstrap, prefix, give)

    orders.command(kind, help=help_text)(command)


_order("approve", "Let an action go that needs approval, or is held.")
_order("hold", "Keep an action from being sent until it is released.")
_order("release", "Let an action go on that is held.")
_order("cancel", "Keep an action from ever being sent.")


def _act(url: Any, db: Any, bootstrap: Any, prefix: Any, act: Any) -> int:
    """Run ``act`` with the store, and with the cluster where the store is that of a sink."""
    import sqlite3

    from sqlalchemy.exc import SQLAlchemyError

    from pipeline.adapters.embedded.files import StartRefused
    from pipeline.config import ConfigError, kafka_settings

    try:
        settings = None
        if db is None:
            settings = kafka_settings(os.environ, bootstrap=bootstrap, prefix=prefix)
        with database(url, db) as engine:
            refused: int = asyncio.run(act(engine, settings))
    except (ConfigError, StartRefused, SQLAlchemyError, sqlite3.Error, OSError) as error:
        fail(error)
    return refused


@asynccontextmanager
async def _desk(
    engine: "Engine",
    settings: "KafkaSettings | None",
    db: Path | None,
    *,
    redrives: bool = False,
) -> "AsyncIterator[Desk]":
    """What to act with: on Kafka, or on the file ``db``, whose log is opened if ``redrives``."""
    from contextlib import nullcontext

    from pipeline.adapters.embedded.operate import RowOrders
    from pipeline.bootstrap.common import read_policy
    from pipeline.bootstrap.operate import (
        kafka_sender,
        make_desk,
        make_kafka_desk,
        no_way_back,
        resting_log,
    )
    from sinks.sql.orders import OrderBook

    def policy() -> Any:
        return read_policy(None)

    if settings is not None:
        async with kafka_sender(settings) as sender:
            yield make_kafka_desk(engine, settings, sender, ingest=None, policy=policy)
        return
    with resting_log(db) if redrives and db is not None else nullcontext(no_way_back()) as redrive:
        orders = RowOrders(OrderBook(engine))
        yield make_desk(engine, orders=orders, redrive=redrive, ingest=None, policy=policy)


def _letter(engine: "Engine", identity: int) -> "KeptLetter":
    from sinks.sql.letters import LetterBook

    kept = LetterBook(engine).letter(identity)
    if kept is None:
        fail(f"there is no dead letter {identity}; `touchpoint dlq list` shows those there are")
    return kept


def _text(value: bytes | None) -> str:
    """As text where it is that, in base64 otherwise."""
    if value is None:
        return "(none)"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"base64 {base64.b64encode(value).decode()}"
    return text if text.isprintable() else f"base64 {base64.b64encode(value).decode()}"


def _check(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= _REASON_CHARACTERS or "\x00" in reason:
        fail(f"--reason: say why, in 1 to {_REASON_CHARACTERS} characters")
