"""The command ``touchpoint``: options, progress bars and exit codes; the work is elsewhere.

Exit codes: 0 done, 1 done with something refused, 2 not done because of the input or a setting.
Imports stand inside the commands, so that ``touchpoint --help`` does not load Kafka.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.cli_analysis import analysis
from pipeline.cli_care import care
from pipeline.cli_keys import keys
from pipeline.cli_operate import dlq, orders
from pipeline.cli_policy import policy as policies
from pipeline.cli_read_model import read_model
from pipeline.cli_rules import rules

app = typer.Typer(
    help="Knows, for each customer, how the service feels right now, and cares in time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
topics = typer.Typer(help="The topics on Kafka: look at them, make them.", no_args_is_help=True)
sink = typer.Typer(help="From Kafka to where it is read.", no_args_is_help=True)
app.add_typer(topics, name="topics")
app.add_typer(sink, name="sink")
app.add_typer(policies, name="policy")
app.add_typer(keys, name="keys")
app.add_typer(rules, name="rules")
app.add_typer(read_model, name="read-model")
app.add_typer(analysis)
app.add_typer(care)
app.add_typer(dlq, name="dlq")
app.add_typer(orders, name="care")

_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
_out = Console(highlight=False, markup=False, soft_wrap=True)

Bootstrap = Annotated[
    str | None, typer.Option(help="Brokers, host:port[,...]; TOUCHPOINT_KAFKA_BOOTSTRAP.")
]
Prefix = Annotated[str | None, typer.Option(help="Put before every topic's name.")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file; the one shipped by default.")
]
ChannelsFile = Annotated[
    Path | None,
    typer.Option("--channels", help="Where actions go; the file shipped by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogLevel = Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")]


def _fail(error: BaseException | str) -> NoReturn:
    _errors.print(f"error: {error}")
    raise typer.Exit(2)


def _print(as_json: bool, content: dict[str, Any], text: str) -> None:
    _out.print(json.dumps(content) if as_json else text)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on standard error, if that is a terminal: ``advance(done, total)``."""
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    console = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _kafka(bootstrap: str | None, prefix: str | None, **given: Any) -> Any:
    from pipeline.config import ConfigError, kafka_settings

    try:
        return kafka_settings(os.environ, bootstrap=bootstrap, prefix=prefix, **given)
    except ConfigError as error:
        _fail(error)


@app.command()
def run(
    db: Annotated[
        Path, typer.Option(help="State file; the log stands beside it as FILE.log.")
    ] = Path("touchpoint.db"),
    host: Annotated[str, typer.Option(help="Beyond loopback, a key is asked for.")] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8080,
    policy: PolicyFile = None,
    channels: Annotated[
        Path | None,
        typer.Option("--channels", help="Where actions go; by default to FILE.sent.jsonl."),
    ] = None,
    dispatch: Annotated[
        bool, typer.Option(help="Carry actions out; else they are only written down.")
    ] = True,
    demo: Annotated[bool, typer.Option("--demo", help="Add a town of customers.")] = False,
    log_level: LogLevel = "INFO",
) -> None:
    """Run everything in one process on SQLite; no service is needed."""
    from pipeline.adapters.embedded.files import StartRefused
    from pipeline.adapters.http.access import AccessRefused
    from pipeline.adapters.http.server import PortTaken
    from pipeline.adapters.telemetry.logs import configure_logs
    from pipeline.bootstrap.embedded import run_embedded
    from pipeline.config import ConfigError
    from pipeline.core.policy.faults import FileError

    configure_logs(log_level)
    try:
        run_embedded(
            db,
            host=host,
            port=port,
            policy_file=policy,
            channels_file=channels,
            dispatches=dispatch,
            demo=demo,
            say=_out.print,
            warn=_errors.print,
        )
    except (ConfigError, FileError, StartRefused, AccessRefused, PortTaken) as error:
        _fail(error)


@app.command("serve")
def serve_(
    database: Annotated[
        str, typer.Option(help="postgresql+psycopg://user@host/name, sqlite:///file.")
    ],
    host: Annotated[str, typer.Option(help="Beyond loopback, TOUCHPOINT_API_KEY must be set.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8080,
    policy: PolicyFile = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Take events in too, and write them to Kafka.")
    ] = False,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: LogLevel = "INFO",
) -> None:
    """Serve what the SQL sink has written; with --kafka (or --bootstrap) events are taken in."""
    from pipeline.adapters.http.access import AccessRefused
    from pipeline.adapters.http.server import PortTaken
    from pipeline.adapters.telemetry.logs import configure_logs
    from pipeline.bootstrap.serve import run_serve
    from pipeline.config import ConfigError
    from pipeline.core.policy.faults import FileError

    configure_logs(log_level)
    settings = _kafka(bootstrap, prefix) if kafka or bootstrap is not None else None
    try:
        run_serve(
            database,
            settings,
            host=host,
            port=port,
            policy_file=policy,
            say=_out.print,
            warn=_errors.print,
        )
    except (ConfigError, FileError, AccessRefused, PortTaken) as error:
        _fail(error)


class Stage(StrEnum):
    """What a worker does."""

    PERCEIVE = "perceive"
    ALLOCATE = "allocate"
    DISPATCH = "dispatch"


@app.command()
def worker(
    stage: Annotated[
        Stage, typer.Option(help="One a process: touches, what campaigns have, or care into deeds.")
    ] = Stage.PERCEIVE,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    policy: PolicyFile = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep states in RocksDB here; in memory by default.")
    ] = None,
    partitions: Annotated[int | None, typer.Option(help="What every topic has.")] = None,
    host: Annotated[str, typer.Option(help="Where health and metrics are served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="For health and metrics; 0 serves neither.")] = 8081,
    channels: ChannelsFile = None,
    log_level: LogLevel = "INFO",
) -> None:
    """Process touches on Kafka exactly once, or carry out the actions that come of them."""
    from pipeline.adapters.http.server import PortTaken
    from pipeline.adapters.kafka.worker import WorkerRefusedError
    from pipeline.adapters.telemetry.logs import configure_logs
    from pipeline.config import ConfigError
    from pipeline.core.policy.faults import FileError

    configure_logs(log_level)
    settings = _kafka(bootstrap, prefix, data_dir=data_dir, partitions=partitions)
    where: dict[str, Any] = {"policy_file": policy, "host": host, "port": port or None}
    try:
        if stage is Stage.DISPATCH:
            from pipeline.bootstrap.dispatch import run_dispatch_worker

            code = run_dispatch_worker(settings, channels_file=channels, **where)
        else:
            from pipeline.bootstrap.kafka import run_worker

            code = run_worker(settings, stage=stage.value, **where)
    except (ConfigError, FileError, WorkerRefusedError, PortTaken) as error:
        _fail(error)
    raise typer.Exit(code)


@sink.command("sql")
def sink_sql(
    url: Annotated[str, typer.Option(help="postgresql+psycopg://user@host/name, sqlite:///file.")],
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    host: Annotated[str, typer.Option(help="Where metrics are served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="For metrics; 0 serves none.")] = 8082,
    session_seconds: Annotated[
        int, typer.Option(help="After this silence another process takes over.")
    ] = 10,
    policy: PolicyFile = None,
    log_level: LogLevel = "INFO",
) -> None:
    """Write all that is told of perception and care to SQL, and dead letters, exactly once."""
    from kafka.errors import KafkaError
    from sqlalchemy.exc import SQLAlchemyError

    from pipeline.adapters.telemetry.logs import configure_logs
    from pipeline.bootstrap.sink import run_sql_sink
    from pipeline.config import ConfigError
    from pipeline.core.policy.faults import FileError
    from sinks.port import SinkGap

    configure_logs(log_level)
    settings = _kafka(bootstrap, prefix)
    try:
        run_sql_sink(
            settings,
            url,
            policy_file=policy,
            host=host,
            port=port or None,
            session_seconds=session_seconds,
        )
    except (
        *(ConfigError, FileError, ValueError),
        *(SQLAlchemyError, SinkGap, KafkaError, OSError),
    ) as error:
        _fail(error)


@topics.command("plan")
def topics_plan(
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    partitions: Annotated[int | None, typer.Option(help="What every topic should have.")] = None,
    replication: Annotated[int | None, typer.Option(help="Copies of each partition.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is missing or different. Exit code 1 if anything is."""
    _topics(
        _kafka(bootstrap, prefix, partitions=partitions, replication=replication), "plan", as_json
    )


@topics.command("apply")
def topics_apply(
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    partitions: Annotated[int | None, typer.Option(help="What every topic should have.")] = None,
    replication: Annotated[int | None, typer.Option(help="Copies of each partition.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make what is missing and alter settings that differ; refuse what needs a decision."""
    _topics(
        _kafka(bootstrap, prefix, partitions=partitions, replication=replication), "apply", as_json
    )


def _topics(settings: Any, verb: str, as_json: bool) -> None:
    from kafka.errors import KafkaError

    from pipeline.adapters.kafka import topics as kafka_topics

    try:
        differences = (kafka_topics.plan if verb == "plan" else kafka_topics.apply)(settings)
    except (KafkaError, OSError) as error:
        _fail(f"no answer from {settings.bootstrap}: {error!r}")
    except kafka_topics.TopicsRefusedError as error:
        _fail(error)
    found = [{"kind": d.kind, "topic": d.topic, "text": d.text} for d in differences]
    done = "to do" if verb == "plan" else "done"
    lines = [f"{d['kind']}: {d['text']}" for d in found] or ["nothing to do"]
    _print(as_json, {done.replace(" ", "_"): found}, "\n".join(lines))
    raise typer.Exit(1 if verb == "plan" and found else 0)


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="CloudEvents, one JSON object a line.", exists=True)],
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    rate: Annotated[
        float | None, typer.Option(help="Events a second; unlimited by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish events to Kafka, keyed by customer."""
    from pipeline.adapters.kafka.publisher import Publisher, PublishError, publish_file

    settings = _kafka(bootstrap, prefix)
    total = file.stat().st_size
    try:
        with _bar("publish") as advance, Publisher(settings) as publisher:
            report = publish_file(
                publisher, file, rate=rate, progress=lambda done: advance(done, total)
            )
    except (PublishError, OSError) as error:
        _fail(error)
    for bad in report.bad[:20]:
        _errors.print(f"{file}:{bad.line}: {bad.reason}")
    counts = {"sent": report.sent, "bad": len(report.bad), "blank": report.blank}
    _print(as_json, counts, f"{report.sent} sent, {len(report.bad)} bad lines")
    raise typer.Exit(1 if report.bad else 0)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV, JSON or Parquet; may be .gz.", exists=True)
    ],
    mapping: Annotated[Path, typer.Option(help="A SQL query; see deploy/mappings.", exists=True)],
    out: Annotated[Path, typer.Option(help="Events, one JSON object a line.")],
    rejects: Annotated[
        Path | None, typer.Option(help="Rows that are no event; OUT.rejects.jsonl by default.")
    ] = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make events of a file of any kind. Exit code 1 if rows were rejected."""
    from pipeline.bootstrap.common import read_policy
    from pipeline.config import ConfigError
    from pipeline.core.policy.load import PolicyError
    from pipeline.tools.importing import import_file
    from pipeline.tools.mapping import MappingError
    from pipeline.tools.tables import SourceError

    rejects = rejects or out.with_name(out.name + ".rejects.jsonl")
    try:
        with _bar("import") as advance:
            report = import_file(file, mapping, out, rejects, advance, policy=read_policy(policy))
    except (ConfigError, PolicyError, MappingError, SourceError, OSError) as error:
        _fail(error)
    counts = report._asdict()
    _print(as_json, counts, "\n".join(f"{name}: {value}" for name, value in counts.items()))
    raise typer.Exit(1 if report.rejected else 0)


@app.command()
def replay(
    events: Annotated[
        Path, typer.Argument(help="CloudEvents, one JSON object a line.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Folder for scores, care, outlooks and rejects.")],
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """Run events through the pure core and write what comes of them. Exit code 1 on rejects."""
    from pipeline.bootstrap.common import read_policy
    from pipeline.config import ConfigError, program_version
    from pipeline.core.policy.load import PolicyError
    from pipeline.tools.replay import replay as replay_events

    try:
        with _bar("replay") as advance:
            report = replay_events(
                events, out, advance, policy=read_policy(policy), version=program_version()
            )
    except (ConfigError, PolicyError, OSError) as error:
        _fail(error)
    counts = report._asdict()
    digests = counts.pop("digests")
    lines = [f"{name}: {value}" for name, value in counts.items()]
    lines += [f"{digest}  {out / name}" for name, digest in digests.items()]
    _print(as_json, counts | {"digests": digests}, "\n".join(lines))
    raise typer.Exit(1 if report.rejected else 0)


def main() -> None:
    """Entry point of the installed command."""
    # A closed pipe (`touchpoint ... | head`) is no error of ours.
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
