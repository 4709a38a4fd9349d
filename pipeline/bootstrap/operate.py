"""Wires what people act with: orders, dead letters, and who did what."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from pipeline.adapters.embedded.files import FileLock, Files
from pipeline.adapters.embedded.log import EventLog
from pipeline.adapters.embedded.operate import LogRedrive, RowOrders
from pipeline.adapters.http.acts import Desk
from pipeline.adapters.http.ports import Entry, Ingest, NoWayBack, Orders, Redrive
from pipeline.adapters.kafka.orders import KafkaOrders
from pipeline.adapters.kafka.redrive import KafkaRedrive
from pipeline.adapters.kafka.sender import Sender
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.bootstrap.common import now_ms
from pipeline.core.policy.compiled import Policy
from schemas.dead_letter import DeadLetter
from sinks.sql.audit import SqlAudit
from sinks.sql.letters import LetterBook
from sinks.sql.orders import OrderBook


def make_desk(
    engine: Engine,
    *,
    orders: Orders,
    redrive: Redrive,
    ingest: Ingest | None,
    policy: Callable[[], Policy],
) -> Desk:
    """What people act with over the store of ``engine``, whose audit log tells of it."""
    return Desk(
        orders=orders,
        actions=OrderBook(engine),
        letters=LetterBook(engine),
        redrive=redrive,
        ingest=ingest,
        audit=SqlAudit(engine),
        policy=policy,
        now_ms=now_ms,
        new_key=lambda: str(uuid4()),
    )


def make_embedded_desk(
    engine: Engine,
    ingest: Ingest,
    *,
    policy: Callable[[], Policy],
) -> Desk:
    """Of the embedded pipeline."""

    async def append(entry: Entry) -> None:
        await ingest.append([entry], now_ms())

    return make_desk(
        engine,
        orders=RowOrders(OrderBook(engine)),
        redrive=LogRedrive(append),
        ingest=ingest,
        policy=policy,
    )


def make_kafka_desk(
    engine: Engine,
    settings: KafkaSettings,
    sender: Sender,
    *,
    ingest: Ingest | None,
    policy: Callable[[], Policy],
) -> Desk:
    """Of a server beside Kafka; ``engine`` is of the store that the SQL sink writes, ``sender``
    is closed by the caller."""
    return make_desk(
        engine,
        orders=KafkaOrders(sender, find=OrderBook(engine).find),
        redrive=KafkaRedrive(settings, sender),
        ingest=ingest,
        policy=policy,
    )


@asynccontextmanager
async def kafka_sender(settings: KafkaSettings) -> AsyncIterator[Sender]:
    """A producer for as long as the block lasts."""
    sender = Sender(settings)
    try:
        yield sender
    finally:
        await sender.close()


@contextmanager
def resting_log(file: Path) -> Iterator[LogRedrive]:
    """The way into the log of an embedded pipeline that does not run.

    Raises ``FileInUse`` if it does, ``WrongFile`` and ``sqlite3.Error``.
    """
    files = Files(file)
    lock = FileLock(files.lock)
    try:
        log = EventLog(files.log)
        log.open()
        try:
            yield LogRedrive(lambda entry: _append(log, entry))
        finally:
            log.close()
    finally:
        lock.release()


class _NoWayBack:
    async def send(self, letter: DeadLetter) -> None:
        raise NoWayBack("the log is not open")


def no_way_back() -> Redrive:
    """Of who sends nothing again."""
    return _NoWayBack()


async def _append(log: EventLog, entry: Entry) -> None:
    await log.append([entry], now_ms())
