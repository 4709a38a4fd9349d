"""One reader of the feed of changes for all who listen; who is too slow is let go.

A listener that comes with a cursor first reads the feed by itself, then joins the others. It
joins while nobody else reads, right after the common reader went to the end: what it then reads
and the common reader does not know of yet is all that both could tell, and is told once.
"""

import asyncio
import logging
from typing import Final, NamedTuple

from pipeline.adapters.http.answers import encode
from pipeline.adapters.http.listener import Batch, Item, Listener, Wanted
from pipeline.adapters.http.ports import Feed, History, Unavailable

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 5.0


class StreamLimits(NamedTuple):
    """What bounds the streams of one process."""

    listeners: int = 200
    """Each is a connection, and file descriptors are few."""
    poll_seconds: float = 0.5
    """Between two looks at the feed, while anyone listens."""
    changes: int = 500
    """Read at once."""
    waiting: int = 64
    """Batches that wait for one listener: half a minute and more of them."""


class Changes:
    """Who listens, and the one reader of ``history`` for them all. Of one event loop."""

    def __init__(
        self,
        history: History,
        limits: StreamLimits = StreamLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.limits = limits
        self._history = history
        self._listeners: set[Listener] = set()
        self._live: set[Listener] = set()
        self._reading = asyncio.Lock()
        self._position: str | None = None
        self._reader: asyncio.Task[None] | None = None
        self._failing = False
        self._closed = False

    async def listen(self, wanted: Wanted, since: str | None) -> Listener:
        """Begin to listen, behind the cursor ``since`` or from now on; ``close`` it in the end.

        Raises ``Unavailable`` where too many listen or the server stops, ``ValueError`` for a
        cursor that the feed never gave, and what the database raises.
        """
        if self._closed or len(self._listeners) >= self.limits.listeners:
            why = "the server stops" if self._closed else "too many streams are open"
            raise Unavailable(why, retry_after_seconds=_RETRY_SECONDS)
        listener = Listener(self, wanted, since, most=self.limits.waiting)
        self._listeners.add(listener)
        try:
            if since is None:
                await self._join_now(listener)
            else:
                await self.bring_on(listener)
        except BaseException:
            self.forget(listener)
            raise
        return listener

    def close(self) -> None:
        """End every stream; no new one begins."""
        self._closed = True
        for listener in self._listeners:
            listener.end()
        self._live.clear()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def is_live(self, listener: Listener) -> bool:
        """Whether it has what the common reader has."""
        return listener in self._live

    @property
    def reading(self) -> bool:
        """Whether the feed is looked at."""
        return self._reader is not None

    def forget(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        self._live.discard(listener)

    async def bring_on(self, listener: Listener) -> None:
        """Read on for one that is behind; at the end of the feed it joins the others."""
        batch = await self._read(listener.cursor)
        listener.put(batch)
        if self._more(batch):
            return
        async with self._reading:
            await self._read_on()
            rest = await self._read(listener.cursor)
            listener.put(rest)
            if self._more(rest):
                return
            if self._position is None:
                self._position = rest.next
            else:
                listener.saw(rest.items)
            self._join(listener)

    async def _join_now(self, listener: Listener) -> None:
        async with self._reading:
            if self._position is None:
                self._position = (await self._read(None)).next
            else:
                await self._read_on()
            listener.begin(self._position)
            self._join(listener)

    def _join(self, listener: Listener) -> None:
        if self._closed or listener not in self._listeners:
            return
        self._live.add(listener)
        if self._reader is None:
            self._reader = asyncio.create_task(self._keep_reading())

    async def _keep_reading(self) -> None:
        while True:
            await asyncio.sleep(self.limits.poll_seconds)
            async with self._reading:
                if not self._live:
                    self._position, self._reader = None, None
                    return
                try:
                    await self._read_on()
                except Exception as error:  # noqa: BLE001 - the feed's edge: it goes on later
                    if not self._failing:
                        log.warning("the feed cannot be read: %s", type(error).__name__)
                    self._failing = True
                else:
                    self._failing = False

    async def _read_on(self) -> None:
        """Read to the end of the feed for all who are live; they then know all up to there."""
        while self._position is not None:
            batch = await self._read(self._position)
            self._position = batch.next
            self._live = {listener for listener in self._live if listener.put(batch)}
            if not self._more(batch):
                break
        for listener in self._live:
            listener.saw(())

    async def _read(self, since: str | None) -> Batch:
        feed = await asyncio.to_thread(self._history.feed, since, self.limits.changes)
        return _batch(feed)

    def _more(self, batch: Batch) -> bool:
        return len(batch.items) >= self.limits.changes


def _batch(feed: Feed) -> Batch:
    items = tuple(
        Item(change.kind, change.row.get("customer"), encode(change.row).decode(), change.cursor)
        for change in feed.changes
    )
    return Batch(items, feed.next)
