"""Reads the log for the lane: in batches by offset, woken by the writer."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from pipeline.adapters.embedded.files import connect
from pipeline.adapters.embedded.log import EventLog
from pipeline.engine.chunk import Chunk
from pipeline.engine.ports import LogRecord

log = logging.getLogger(__name__)

BATCH_RECORDS: Final = 1_000
BATCH_BYTES: Final = 4 * 1024 * 1024
"""What is read at once: enough to be cheap, small against memory if every event is large."""

RETRY_SECONDS: Final = 1.0

_READ: Final = (
    'SELECT "offset", key, value, headers, timestamp_ms FROM event '
    'WHERE "offset" >= ? ORDER BY "offset" LIMIT ?'
)


class LogReader:
    """Reads committed records by offset. Used from one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._headers = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...]).decode

    def read(self, offset: int, *, records: int, size: int) -> list[LogRecord]:
        """Records from ``offset`` on: at most ``records``, and no more once ``size`` bytes are
        reached. Raises ``sqlite3.Error``."""
        found: list[LogRecord] = []
        cursor = self._connected().execute(_READ, (offset, records))
        try:
            for place, key, value, headers, timestamp_ms in cursor:
                unpacked = self._headers(headers) if headers else ()
                found.append(LogRecord(place, key, value, timestamp_ms, unpacked))
                size -= len(value or b"")
                if size <= 0:
                    break
        finally:
            cursor.close()  # a statement left open would keep the write-ahead file from shrinking
        return found

    def start(self) -> int:
        """The earliest offset held; 0 if there is none."""
        first: int | None = (
            self._connected().execute('SELECT min("offset") FROM event').fetchone()[0]
        )
        return first or 0

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, read_only=True)
        return self._connection


class LogFeed:
    """Brings the log to a lane, from where the lane seeks; an ``Intake``. One event loop only."""

    def __init__(self, event_log: EventLog, reader: LogReader) -> None:
        self._log = event_log
        self._reader = reader
        self._next: int | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._news = asyncio.Event()

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    async def seek(self, offset: int) -> int | None:
        self._next = offset
        self._news.set()
        return self._reader.start()

    async def run(self, put: Callable[[Chunk], None]) -> None:
        """Read on and on, and ``put`` what was read; sleeps until something is appended."""
        loop = asyncio.get_running_loop()
        self._log.listen(lambda: _wake(loop, self._news))
        while True:
            await self._flowing.wait()
            self._news.clear()
            records = await self._read()
            if not records:
                await self._news.wait()
                continue
            self._next = records[-1].offset + 1
            # It is left to the first record to say where the chunk begins: a hole in the file,
            # which there should not be, is then seen as a gap.
            put(Chunk(records, None, self._next))
            await asyncio.sleep(0)

    async def _read(self) -> list[LogRecord]:
        if self._next is None:
            return []
        try:
            return self._reader.read(self._next, records=BATCH_RECORDS, size=BATCH_BYTES)
        except sqlite3.Error as error:
            log.warning("the log cannot be read, trying again: %s", error)
            self._reader.close()
            await asyncio.sleep(RETRY_SECONDS)
            self._news.set()
            return []


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the lane's loop has ended
        loop.call_soon_threadsafe(news.set)
