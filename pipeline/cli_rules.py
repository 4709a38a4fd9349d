"""The command ``touchpoint rules propose``: from what staff do by hand to rules for everybody.

Exit codes: 0 done, 2 not done because of the input or a setting.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from pipeline.core.policy.compiled import Policy
    from pipeline.tools.by_hand import ByHand

rules = typer.Typer(help="Rules for care: propose new ones.", no_args_is_help=True)


@rules.callback()
def _group() -> None:
    """So that the only command keeps its name."""


@rules.command("propose")
def propose(
    events: Annotated[
        Path | None, typer.Argument(help="CloudEvents, one JSON object a line.", exists=True)
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A sink's database, in place of a file of events.")
    ] = None,
    least: Annotated[int, typer.Option(help="Times that make it no accident.", min=1)] = 5,
    customers: Annotated[int, typer.Option(help="So many customers at least.", min=1)] = 3,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Policy file; the one shipped by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Propose what staff did by hand for many customers (staff.cared) as entries of the policy.

    Each comes with how often and for whom, what it did to the score, and what it would cost. What
    can be pasted is not commented out.
    """
    from pipeline.bootstrap.common import read_policy
    from pipeline.config import ConfigError
    from pipeline.core.policy.load import PolicyError
    from pipeline.tools.proposal_text import policy_text
    from pipeline.tools.proposing import candidates

    if (events is None) == (url is None):
        _fail("say what to read: a file of events, or --url URL")
    try:
        used = read_policy(policy)
        found = _from_sql(url) if url is not None else _from_events(events, used)
    except (ConfigError, PolicyError, OSError) as error:
        _fail(error)
    made = candidates(found, used.file, least=least, customers=customers)
    if as_json:
        told = [
            each._asdict()
            | {"effect": each.effect and each.effect._asdict()}
            | {"name": each.name, "policy": policy_text(each, used.file)}
            for each in made
        ]
        content = {"cared": len(found.cared), "customers": found.customers, "days": found.days}
        typer.echo(json.dumps(content | {"proposals": told}, ensure_ascii=False))
        return
    for each in made:
        typer.echo(policy_text(each, used.file))
    if not made:
        typer.echo(f"# nothing recurs in {len(found.cared)} times of care by hand")


def _from_events(events: Path | None, used: "Policy") -> "ByHand":
    from pipeline.tools.by_hand import from_events

    assert events is not None  # noqa: S101 - one of the two was given
    return from_events(events, used, lambda *_: None)


def _from_sql(url: str) -> "ByHand":
    from sqlalchemy.exc import SQLAlchemyError

    from pipeline.tools.by_hand import from_records
    from sinks.sql.by_hand import records_by_hand
    from sinks.sql.engine import make_engine

    try:
        engine = make_engine(url)
        with records_by_hand(engine) as (decisions, contributions):
            found = from_records(decisions, contributions)
        engine.dispose()
    except (ValueError, SQLAlchemyError) as error:
        _fail(error)
    return found


def _fail(error: BaseException | str) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)
