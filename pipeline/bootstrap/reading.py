"""The read side of the SQL store: what the HTTP interface reads, and whether it can."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipeline.adapters.console.ports import CampaignReports
from pipeline.adapters.http.ports import CareQueue, Condition, History, Insights, ReadModel
from pipeline.bootstrap.insights import make_insights
from pipeline.config import ConfigError
from pipeline.core.policy.compiled import Policy
from sinks.sql.engine import make_engine, read_only
from sinks.sql.history import SqlHistory
from sinks.sql.migrations import is_current
from sinks.sql.queue import CareQueue as SqlCareQueue
from sinks.sql.read import ReadModel as SqlReadModel

log = logging.getLogger(__name__)


class ReadSide(NamedTuple):
    """What is read over HTTP."""

    read: ReadModel
    queue: CareQueue
    history: History
    insights: Insights
    campaigns: CampaignReports


def make_read_side(engine: Engine, policy: Callable[[], Policy]) -> ReadSide:
    """Everything that reads the SQL store behind ``engine``; insights as ``policy`` judges."""
    read = SqlReadModel(engine)
    return ReadSide(
        read=read,
        queue=SqlCareQueue(engine),
        history=SqlHistory(engine),
        insights=make_insights(engine, policy),
        campaigns=read,
    )


def open_database(url: str) -> Engine:
    """An engine for a database that others write.

    Raises ``ConfigError`` for one that it does not know, and for a SQLite file that is not there.
    """
    try:
        engine = make_engine(url)
    except (ValueError, SQLAlchemyError) as error:
        raise ConfigError(f"--database: {error}") from error
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file is not None and not Path(file).is_file():  # to open it would make it
        raise ConfigError(f"--database: {file}: no such file")
    return engine


class DatabaseReadiness:
    """Whether the database answers and has this release's schema."""

    def __init__(self, engine: Engine) -> None:
        self._engine = read_only(engine)

    def conditions(self) -> Sequence[Condition]:
        try:
            with self._engine.connect() as connection:
                current = is_current(connection)
        except SQLAlchemyError as error:
            log.warning("the database does not answer: %s", getattr(error, "orig", None) or error)
            return (Condition("database", False, "away", "it does not answer"),)
        if current:
            return (Condition("database", True, "running"),)
        detail = "not the schema of this release: its sink brings it up to date when it starts"
        return (Condition("database", False, "other schema", detail),)

    def fatal(self) -> str | None:
        return None
