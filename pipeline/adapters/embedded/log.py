"""The log of events in: a SQLite file of its own, one writing thread, many writes a commit."""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pipeline.adapters.embedded.files import WrongFile, connect
from pipeline.adapters.embedded.schema import open_log
from pipeline.adapters.http.ports import Busy, Entry, KeyReused, Once, Unavailable

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
"""A full or read-only disk does not change within less."""

_PURGE_MS: Final = 60_000
_FIND_ONCE: Final = "SELECT digest, answer FROM once WHERE key = ? AND expires_ms > ?"
_PUT_ONCE: Final = "INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?)"
_PUT_EVENT: Final = "INSERT INTO event VALUES (?, ?, ?, ?, ?)"

Row = tuple[int, bytes | None, bytes, bytes | None, int]


class LogLimits(NamedTuple):
    """How much may wait for the writer, how much it writes at once, how long keys are known."""

    waiting_records: int = 20_000
    waiting_bytes: int = 64 * 1024 * 1024
    group_records: int = 5_000
    once_hours: float = 24.0


class _Append(NamedTuple):
    entries: Sequence[Entry]
    received_ms: int
    once: Once | None
    size: int
    future: "asyncio.Future[bytes | None]"
    loop: asyncio.AbstractEventLoop


Outcome = bytes | Exception | None


class EventLog:
    """An append-only log. ``append`` returns when its entries are on the disk.

    Offsets start at 0 and have no holes. If the disk fails, appends raise ``Unavailable`` and the
    file is opened anew for the next ones: it recovers as soon as the disk does.
    """

    def __init__(self, path: Path, limits: LogLimits = LogLimits()) -> None:  # noqa: B008
        self._path = path
        self._limits = limits
        self._connection: sqlite3.Connection | None = None
        self._identity = ""
        self._end = 0
        self._changed = threading.Condition()
        self._queue: deque[_Append] = deque()
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._closing = False
        self._failure: str | None = None
        self._listeners: list[Callable[[], None]] = []
        self._next_purge_ms = 0
        self._thread: threading.Thread | None = None

    @property
    def identity(self) -> str:
        """Names this log: a file deleted and made anew has another."""
        return self._identity

    @property
    def end(self) -> int:
        """The offset after the last durable record."""
        return self._end

    @property
    def failure(self) -> str | None:
        """Why the last write failed, ``None`` if it did not."""
        return self._failure

    def open(self) -> None:
        """Open or make the file and start the writer. Raises ``sqlite3.Error``, ``WrongFile``."""
        self._reopen()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def listen(self, appended: Callable[[], None]) -> None:
        """Have ``appended`` called, in the writer's thread, after each commit."""
        self._listeners.append(appended)

    async def append(
        self,
        entries: Sequence[Entry],
        received_ms: int,
        once: Once | None = None,
        *,
        bounded: bool = True,
    ) -> bytes | None:
        """See ``Ingest.append``: durable when it returns.

        With ``bounded`` false it is never ``Busy``: for what the lane itself sends, since room is
        only made by a lane that goes on.
        """
        size = sum(len(entry.value) for entry in entries)
        loop = asyncio.get_running_loop()
        item = _Append(entries, received_ms, once, size, loop.create_future(), loop)
        with self._changed:
            if self._closing or self._thread is None:
                raise Unavailable("the log is closed", retry_after_seconds=RETRY_SECONDS)
            self._admit(len(entries), size, bounded=bounded)
            self._queue.append(item)
            self._changed.notify()
        return await item.future

    def close(self) -> None:
        """Write what waits, then close the file."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._disconnect()

    def _admit(self, records: int, size: int, *, bounded: bool) -> None:
        limits = self._limits
        full = (
            self._waiting_records + records > limits.waiting_records
            or self._waiting_bytes + size > limits.waiting_bytes
        )
        if full and bounded and self._queue:
            raise Busy(
                f"{self._waiting_records} events wait to be written", retry_after_seconds=1.0
            )
        self._waiting_records += records
        self._waiting_bytes += size

    def _run(self) -> None:
        while group := self._take():
            outcomes = self._try_write(group)
            with self._changed:
                self._waiting_records -= sum(len(item.entries) for item in group)
                self._waiting_bytes -= sum(item.size for item in group)
            # The lane first: it works while the answers are sent.
            for appended in self._listeners:
                appended()
            _settle(group, outcomes)

    def _take(self) -> list[_Append]:
        """All that waits, up to a group; empty when closing."""
        group: list[_Append] = []
        records = 0
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            while self._queue and records < self._limits.group_records:
                group.append(self._queue.popleft())
                records += len(group[-1].entries)
        return group

    def _try_write(self, group: Sequence[_Append]) -> Sequence[Outcome]:
        try:
            outcomes = self._write(group)
        except Exception as error:  # noqa: BLE001 - the thread's edge: told to each caller
            if self._failure is None:
                log.error("%s: cannot be written: %s", self._path, error)
            self._failure = str(error)
            self._disconnect()
            failed = Unavailable(
                f"the log cannot be written: {error}", retry_after_seconds=RETRY_SECONDS
            )
            return [failed] * len(group)
        if self._failure is not None:
            log.warning("%s: can be written again", self._path)
            self._failure = None
        return outcomes

    def _write(self, group: Sequence[_Append]) -> Sequence[Outcome]:
        # Opened anew after a failure: its end shows whether the failed commit happened after all.
        connection = self._connection or self._reopen()
        rows: list[Row] = []
        outcomes: list[Outcome] = []
        connection.execute("BEGIN IMMEDIATE")
        for item in group:
            known = None if item.once is None else self._once(connection, item, item.once)
            outcomes.append(known)
            if known is None:
                rows += self._rows(item, self._end + len(rows))
        connection.executemany(_PUT_EVENT, rows)
        connection.execute("COMMIT")
        self._end += len(rows)
        return outcomes

    def _once(self, connection: sqlite3.Connection, item: _Append, once: Once) -> Outcome:
        """What is known of this key; a new key is kept if something is written with it."""
        now_ms = item.received_ms
        found = connection.execute(_FIND_ONCE, (once.key, now_ms)).fetchone()
        if found is not None:
            digest, answer = found
            if digest == once.digest:
                return bytes(answer)
            return KeyReused("this Idempotency-Key came before with another body")
        if item.entries:
            expires_ms = now_ms + int(self._limits.once_hours * 3_600_000)
            connection.execute(_PUT_ONCE, (once.key, once.digest, once.answer, expires_ms))
        if now_ms >= self._next_purge_ms:
            self._next_purge_ms = now_ms + _PURGE_MS
            connection.execute("DELETE FROM once WHERE expires_ms <= ?", (now_ms,))
        return None

    def _rows(self, item: _Append, offset: int) -> Iterable[Row]:
        for index, (key, value, headers) in enumerate(item.entries):
            packed = msgspec.msgpack.encode(headers) if headers else None
            yield offset + index, key, value, packed, item.received_ms

    def _reopen(self) -> sqlite3.Connection:
        connection = connect(self._path)
        try:
            identity, end = open_log(connection)
            if self._identity not in ("", identity):
                raise WrongFile("was replaced by another log while it was in use; restart")
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity, self._end = connection, identity, end
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _settle(group: Sequence[_Append], outcomes: Sequence[Outcome]) -> None:
    """Hand each caller its outcome, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Append, Outcome]]] = {}
    for item, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(item.loop, []).append((item, outcome))
    for loop, settled in by_loop.items():
        with suppress(RuntimeError):  # that loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(partial(_resolve, settled))


def _resolve(settled: Sequence[tuple[_Append, Outcome]]) -> None:
    for item, outcome in settled:
        if item.future.done():
            continue  # the caller went away
        if isinstance(outcome, Exception):
            item.future.set_exception(outcome)
        else:
            item.future.set_result(outcome)
