"""The thread that deletes what is too old, beside those who write."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from pipeline.bootstrap.common import read_policy
from pipeline.bootstrap.read_model import forgetting, retention_of
from schemas.topics import CONTRIBUTIONS
from sinks.sql import tables
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.retention import Retention
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples
from tests.services.process import wait_until


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database with five old contributions and a new one."""
    made = make_engine(f"sqlite:///{tmp_path / 't.db'}")
    upgrade(made)
    now = datetime.now(UTC)
    contributions = [
        msgspec.structs.replace(samples.contribution("c1", 1), time=now - timedelta(days=days))
        for days in (50, 51, 52, 53, 54, 0)
    ]
    with made.begin() as connection:
        outputs = [(CONTRIBUTIONS, b"c1", samples.encode(one)) for one in contributions]
        write_outputs(connection, outputs)
    yield made
    made.dispose()


def left(engine: Engine) -> int:
    with engine.connect() as connection:
        wanted = select(func.count()).select_from(tables.contributions)
        return connection.execute(wanted).scalar_one()


def test_what_is_too_old_goes_when_the_work_begins(engine: Engine) -> None:
    with forgetting(engine, Retention(contributions_days=30)):
        wait_until(lambda: left(engine) == 1, seconds=30, what="old contributions to go")


def test_it_ends_with_the_work_and_not_a_day_later(engine: Engine) -> None:
    with forgetting(engine, Retention()):
        pass
    assert left(engine) == 6


def test_a_database_that_fails_ends_nothing(tmp_path: Path) -> None:
    empty = make_engine(f"sqlite:///{tmp_path / 'none.db'}")
    with forgetting(empty, Retention()):
        pass
    empty.dispose()


def test_the_policy_shipped_keeps_the_default() -> None:
    assert retention_of(read_policy(None)) == Retention()
