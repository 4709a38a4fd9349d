"""One reader of the feed of changes for all who listen; who is too slow is let go.

A listener that comes with a cursor first reads the feed by itself, then joins the others. It
joins while nobody else reads, right after the common reader went to the end: what it then reads
and the common reader does not know of yet is all that both could tell, and is told once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Final, NamedTuple

from pipeline.adapters.http.answers import encode
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


class Item(NamedTuple):
    """A change as it is sent: ``data`` is its row as JSON."""

    kind: str
    customer: object
    data: str
    cursor: str | None


class Batch(NamedTuple):
    """Changes in their order, and the cursor behind the last of them."""

    items: tuple[Item, ...]
    next: str


class Wanted(NamedTuple):
    """What a listener asked for; ``None`` is everything."""

    kinds: Collection[str] | None = None
    customer: str | None = None

    def has(self, item: Item) -> bool:
        return (self.kinds is None or item.kind in self.kinds) and (
            self.customer is None or item.customer == self.customer
        )


class Listener:
    """One who listens: what waits for it, and whether it is over. Of one event loop."""

    def __init__(self, changes: "Changes", wanted: Wanted, since: str | None) -> None:
        self.began = since
        """Behind this everything is told; known once listening has begun."""
        self._cursor = since
        self._changes = changes
        self._wanted = wanted
        self._most = changes.limits.waiting
        self._waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._seen: frozenset[tuple[str, str]] = frozenset()
        self._over = False

    async def batches(self, heartbeat_seconds: float) -> AsyncIterator[Batch]:
        """What is wanted, batch by batch; an empty one after each ``heartbeat_seconds`` of silence.

        Ends when the server stops, when this listener was too slow, and when the feed cannot be
        read for it now: it may come again with the last cursor it got.
        """
        while not self._over:
            if self._waiting.empty() and not self._changes.is_live(self):
                await self._bring_on()
                continue
            try:
                async with asyncio.timeout(heartbeat_seconds):
                    batch = await self._waiting.get()
            except TimeoutError:
                if self._waiting.empty():  # else the cursor is behind what was not told yet
                    yield Batch((), self._cursor or "")
                continue
            if batch is None:
                return
            yield batch

    def put(self, batch: Batch) -> bool:
        """Have this told next; false, and an end, where too much waits already."""
        items = tuple(
            item
            for item in batch.items
            if self._wanted.has(item) and (item.kind, item.data) not in self._seen
        )
        if items and self._waiting.qsize() >= self._most:
            self.end()
            return False
        self._cursor = batch.next
        if items:
            self._waiting.put_nowait(Batch(items, batch.next))
        return True

    def begin(self, cursor: str) -> None:
        """Listen from here on."""
        self.began = self._cursor = cursor

    @property
    def cursor(self) -> str | None:
        """Behind everything that was told, or still waits to be."""
        return self._cursor

    def saw(self, items: Iterable[Item]) -> None:
        """What the common reader may bring once more."""
        self._seen = frozenset((item.kind, item.data) for item in items)

    def end(self) -> None:
        """Tell nothing more; what waits is dropped."""
        self._over = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    def close(self) -> None:
        """Nobody listens any more."""
        self._over = True
        self._changes.forget(self)

    async def _bring_on(self) -> None:
        try:
            await self._changes.bring_on(self)
        except Exception as error:  # noqa: BLE001 - the feed's edge: the listener comes again
            log.warning("a stream ends: the feed cannot be read: %s", type(error).__name__)
            self.end()


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
        listener = Listener(self, wanted, since)
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
