"""Carries actions out beside the embedded pipeline: reads them as rows, tells the log what came.

Never lost: an action is open in a file of its own until its settled event is in the log. Told twice
after a crash in between, the event has the same id and is a duplicate.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pipeline.adapters.beside import Beside, wait_for
from pipeline.adapters.dispatch.dispatcher import Dispatcher
from pipeline.adapters.dispatch.ends import End, Parked
from pipeline.adapters.dispatch.incoming import Unreadable, read_action
from pipeline.adapters.dispatch.port import ConsentUnknown, OrdersUnknown
from pipeline.adapters.dispatch.settled import SettledEvent, settled_event
from pipeline.adapters.embedded.dispatch_store import DispatchStore, Open, Row
from pipeline.adapters.http.ports import Busy, Condition, Unavailable
from schemas.care import CareOrder, Consent

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.02
"""An alert is to go out at once; looking costs some microseconds."""

LOOK_SECONDS: Final = 1.0
"""How often it looks for actions that were put off and are due."""

RETRY_SECONDS: Final = 1.0
WINDOW: Final = 2_000
READ_ROWS: Final = 500
STOP_SECONDS: Final = 8.0


class ActionRows(Protocol):
    """Actions as the pipeline wrote them, by the number of their row. Raises ``OSError`` or an
    error of the database while they cannot be read."""

    def after(self, seq: int, limit: int) -> Sequence[Row]: ...

    def id_of(self, seq: int) -> str | None:
        """The id in a row, ``None`` if there is no such row."""
        ...


ReadConsent = Callable[[str], Consent | None]
"""What was committed last for a customer; ``None`` if nothing is denied."""

ReadOrders = Callable[[str], Sequence[CareOrder]]
"""What was ordered for an action, in the order given."""

Append = Callable[[SettledEvent], Awaitable[object]]
"""Appends to the log of touches; durable when it returns. Raises ``Busy`` and ``Unavailable``."""


class EmbeddedConsents:
    """A ``ConsentView`` that reads the state file: every read sees what is committed."""

    def __init__(self, read: ReadConsent) -> None:
        self._read = read

    async def consent(self, customer: str) -> Consent | None:
        try:
            return await asyncio.to_thread(self._read, customer)
        except Exception as error:
            # The edge of the database, whichever it is: nothing is sent without knowing.
            raise ConsentUnknown(f"consents cannot be read: {type(error).__name__}") from error


class EmbeddedOrders:
    """An ``OrderView`` on the same file."""

    def __init__(self, read: ReadOrders) -> None:
        self._read = read

    async def orders(self, action: str) -> Sequence[CareOrder]:
        try:
            return await asyncio.to_thread(self._read, action)
        except Exception as error:
            raise OrdersUnknown(f"orders cannot be read: {type(error).__name__}") from error


class EmbeddedDispatch:
    """A thread with an event loop of its own."""

    def __init__(
        self,
        path: Path,
        *,
        dispatcher: Dispatcher,
        rows: ActionRows,
        append: Append,
    ) -> None:
        self._path = path
        self._dispatcher = dispatcher
        self._rows = rows
        self._append = append
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._state = "starting"
        self._beside = Beside("dispatch", self._main)

    def start(self) -> None:
        """Begin; errors of the files are retried, and told by ``condition``."""
        self._beside.start()

    def stop(self) -> None:
        """Let attempts under way end within a few seconds; what is open stays open."""
        self._beside.stop()

    def condition(self) -> Condition:
        state = "dead" if self._beside.dead else self._state
        return Condition("dispatch", state == "running", state)

    def fatal(self) -> str | None:
        """Why only a restart can help, ``None`` while it can go on."""
        return self._beside.fatal()

    async def _main(self, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                try:
                    await self._serve(stop)
                except Exception as error:  # noqa: BLE001 - the edge of the files
                    self._state = "retrying"
                    log.warning("dispatch starts anew: %s: %s", type(error).__name__, error)
                    await wait_for(stop, RETRY_SECONDS)
        finally:
            await self._dispatcher.close()

    async def _serve(self, stop: asyncio.Event) -> None:
        store = DispatchStore(self._path)
        try:
            self._find_place(store)
            self._state = "running"
            next_look = 0.0
            while not stop.is_set():
                rows = self._read(store)
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + LOOK_SECONDS
                    # Those under way are due too, and come first: look beyond them.
                    most = len(self._under_way) + WINDOW
                    self._begin(store, store.due(datetime.now(UTC), most))
                await wait_for(stop, 0.0 if rows == READ_ROWS else POLL_SECONDS)
        finally:
            await self._end_all()
            store.close()

    def _find_place(self, store: DispatchStore) -> None:
        place = store.place()
        if place is not None and self._rows.id_of(place.seq) != place.id:
            log.warning("the state file was made anew: actions are read from the beginning")
            store.forget_place()

    def _read(self, store: DispatchStore) -> int:
        """How many rows were read; not more while enough is under way."""
        if len(self._under_way) >= WINDOW:
            return 0
        place = store.place()
        rows = self._rows.after(0 if place is None else place.seq, READ_ROWS)
        if rows:
            self._begin(store, store.take(rows))
        return len(rows)

    def _begin(self, store: DispatchStore, found: Sequence[Open]) -> None:
        for each in found:
            if len(self._under_way) >= WINDOW + READ_ROWS:
                return  # they are open in the file, and found at a later look
            if each.id not in self._under_way:
                task = asyncio.create_task(self._see_to(store, each))
                self._under_way[each.id] = task
                task.add_done_callback(self._tell_of_error)

    async def _see_to(self, store: DispatchStore, found: Open) -> None:
        try:
            action = read_action(found.action)
            if isinstance(action, Unreadable):
                log.error("an action cannot be read: %s", action.detail)
                store.settle([found.id])
                return
            try:
                ended = await self._dispatcher.carry_out(action, found.progress)
            except Exception as error:
                log.exception("an action could not be seen to its end")
                ended = End("failed", datetime.now(UTC), detail=type(error).__name__)
            if isinstance(ended, Parked):
                store.park(found.id, ended)
                return
            if ended.result == "failed":
                log.warning("%s could not be done: %s", action.action, ended.detail)
            await self._tell(settled_event(action, ended))
            store.settle([found.id])
        finally:
            del self._under_way[found.id]

    async def _tell(self, event: SettledEvent) -> None:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type((Busy, Unavailable)),
            wait=wait_random_exponential(multiplier=0.1, max=5.0),
        )
        async for attempt in attempts:
            with attempt:
                await self._append(event)

    async def _end_all(self) -> None:
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)

    def _tell_of_error(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            level = logging.WARNING if isinstance(error, sqlite3.Error) else logging.ERROR
            log.log(level, "an action is taken up again: %r", error)
