"""The SQL sink: rows and position in one database transaction, on PostgreSQL or SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from schemas.perception import Contribution
from sinks.decode import TOPICS, refused
from sinks.port import SinkBusy, SinkFenced, SinkRecord, Written, due
from sinks.sql import bulk, tables
from sinks.sql.engine import read_only
from sinks.sql.rows import reject_row, sum_up, write_records

_RETRY_SECONDS: Final = 0.5

_Failure = (SQLAlchemyError, psycopg.Error)  # COPY goes past SQLAlchemy and its exceptions


class SqlSink:
    """A ``Sink`` over ``engine`` (of ``make_engine``), whose schema is up to date.

    It keeps nothing in memory: what a partition's position is, the database knows.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def topics(self) -> Sequence[str]:
        return TOPICS

    def position(self, topic: str, partition: int) -> int | None:
        table = tables.position
        wanted = select(table.c.next_offset).where(
            table.c.topic == topic, table.c.partition == partition
        )
        try:
            with read_only(self._engine).connect() as connection:
                return connection.execute(wanted).scalar_one_or_none()
        except _Failure as error:
            raise _busy(error) from error

    def write(
        self,
        topic: str,
        partition: int,
        records: Sequence[SinkRecord],
        *,
        position: int | None,
        next_offset: int,
    ) -> Written:
        taken = due(records, position=position, next_offset=next_offset)
        try:
            with self._engine.begin() as connection:
                written = write_records(connection, topic, partition, taken)
                # Last of all. A process that is frozen in a COPY is no idle session that times
                # out: did it hold the position's row, its successor would wait for ever.
                _advance(connection, topic, partition, position, next_offset)
                return written
        except _Failure as error:
            if not _is_about_the_data(error):
                raise _busy(error) from error
        return self._write_singly(topic, partition, taken, position, next_offset)

    def _write_singly(
        self,
        topic: str,
        partition: int,
        records: Sequence[SinkRecord],
        position: int | None,
        next_offset: int,
    ) -> Written:
        """Record by record, in one transaction: whatever the database refuses is set aside."""
        rejected, unsummed = 0, list[Contribution]()
        try:
            with self._engine.begin() as connection:
                for record in records:
                    rejected += _write_or_reject(connection, topic, partition, record, unsummed)
                # Once, and behind all records: no COPY may follow what locks rows of sums.
                sum_up(connection, partition, unsummed)
                _advance(connection, topic, partition, position, next_offset)
        except _Failure as error:
            raise _busy(error) from error
        return Written(len(records), rejected)


def _write_or_reject(
    connection: Connection,
    topic: str,
    partition: int,
    record: SinkRecord,
    unsummed: list[Contribution],
) -> int:
    """Write one record behind a savepoint; returns how many were rejected, 0 or 1."""
    try:
        with connection.begin_nested():
            written = write_records(connection, topic, partition, [record], unsummed=unsummed)
            return written.rejected
    except _Failure as error:
        if not _is_about_the_data(error):
            raise
        row = reject_row(topic, partition, record, refused("database", str(_cause(error))))
    bulk.append(connection, tables.sink_rejects, [row])
    return 1


def _advance(
    connection: Connection, topic: str, partition: int, position: int | None, next_offset: int
) -> None:
    """Move the position from ``position`` to ``next_offset``, or raise ``SinkFenced``."""
    table = tables.position
    if position is None:
        kind = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {"topic": topic, "partition": partition, "next_offset": next_offset}
        moved = connection.execute(
            kind.insert(table).values(values).on_conflict_do_nothing(),
            # SQLAlchemy drops the row count of an INSERT otherwise.
            execution_options={"preserve_rowcount": True},
        )
    else:
        moved = connection.execute(
            update(table)
            .where(
                table.c.topic == topic,
                table.c.partition == partition,
                table.c.next_offset == position,
            )
            .values(next_offset=next_offset)
        )
    if moved.rowcount != 1:
        raise SinkFenced(f"{topic}/{partition}: the position is no longer {position}")


def _busy(error: Exception) -> SinkBusy:
    return SinkBusy(str(_cause(error)), retry_after_seconds=_RETRY_SECONDS)


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _is_about_the_data(error: Exception) -> bool:
    """Whether the database refuses a value, and would for ever: not its state or connection."""
    cause = _cause(error)
    if isinstance(cause, psycopg.errors.ProgramLimitExceeded):
        return True  # too long for an index
    if isinstance(cause, psycopg.Error):
        return isinstance(cause, psycopg.DataError | psycopg.IntegrityError)
    return isinstance(cause, sqlite3.DataError | sqlite3.IntegrityError)
