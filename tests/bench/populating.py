"""Fills a database with many customers: some lives worked through the core, then copied.

Copies have names of their own (``NAME-17``) and else the same rows, made within the database, so
that a million customers are there in minutes.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, text

from pipeline.core.policy.compiled import Policy
from pipeline.engine.ports import LogRecord, Output, Read
from pipeline.stages.perceive import PerceiveStage
from sinks.sql import bulk, tables
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.bench.events import DAYS_BETWEEN_EVENTS, make_events

EVENTS_A_CUSTOMER: Final = 8
_CHUNK: Final = 2_000
_SUMS: Final = ("touches", "felt", "quality", "expected", "gained", "lost", "moved")
_COPIED: Final[Mapping[str, tuple[str, ...]]] = {
    "scores": ("customer",),
    "contributions": ("customer", "event"),
    "actions": ("customer", "id"),
    "decisions": ("customer", "id"),
    "cases": ("customer", "id"),
}
"""What is copied, and which of its columns get the copy's number behind them."""


def populate(engine: Engine, policy: Policy, *, lives: int, copies: int, now: datetime) -> None:
    """Make ``lives * copies`` customers whose last touches were just before ``now``."""
    upgrade(engine)
    for outputs in _lived(policy, lives, now):
        with engine.begin() as connection:
            write_outputs(connection, outputs)
    for name, own in _COPIED.items():
        with engine.begin() as connection:
            _copy(connection, name, own, copies)
    with engine.begin() as connection:
        sums = ", ".join(f"{name} = {name} * {copies:d}" for name in _SUMS)
        connection.execute(text(f"UPDATE rollups SET {sums}"))  # noqa: S608 - names of our own
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _lived(
    policy: Policy, lives: int, now: datetime
) -> Iterator[list[tuple[str, bytes | None, bytes | None]]]:
    stage, states = PerceiveStage(policy, version="bench"), dict[bytes, bytes | None]()
    start = now - timedelta(days=EVENTS_A_CUSTOMER * DAYS_BETWEEN_EVENTS)
    events = make_events(lives * EVENTS_A_CUSTOMER, customers=lives, start=start)
    done: list[Output] = []
    for offset, event in enumerate(events):
        read = stage.read(LogRecord(offset, event.key, event.value), 0)
        assert isinstance(read, Read), read
        stepped = stage.step(read.key, states.get(read.key), [read.input], 0)
        states[read.key] = stepped.state
        done += stepped.outputs
        if len(done) >= _CHUNK:
            yield [(each.topic, each.key, each.value) for each in done]
            done = []
    yield [(each.topic, each.key, each.value) for each in done]


def _copy(connection: Connection, name: str, own: tuple[str, ...], copies: int) -> None:
    names = bulk.columns(tables.metadata.tables[name])
    into = ", ".join(f'"{column}"' for column in names)
    taken = ", ".join(
        f"\"{column}\" || '-' || copy" if column in own else f'"{column}"' for column in names
    )
    connection.execute(
        text(
            f"INSERT INTO {name} ({into}) "  # noqa: S608 - names of our own tables
            f"SELECT {taken} FROM {name}, generate_series(1, {copies - 1:d}) AS copy"
        )
    )
