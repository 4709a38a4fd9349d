"""One who listens to changes: what was asked for, what waits, and when it is over."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable
from typing import NamedTuple, Protocol

log = logging.getLogger(__name__)


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


class Source(Protocol):
    """Whence a listener is told."""

    def is_live(self, listener: "Listener") -> bool:
        """Whether it has all that the others have, and is told with them."""
        ...

    async def bring_on(self, listener: "Listener") -> None:
        """Tell one who is behind what comes next."""
        ...

    def forget(self, listener: "Listener") -> None:
        """It listens no more."""
        ...


class Listener:
    """One who listens: what waits for it, and whether it is over. Of one event loop."""

    def __init__(self, source: Source, wanted: Wanted, since: str | None, *, most: int) -> None:
        self.began = since
        """Behind this everything is told; known once listening has begun."""
        self._cursor = since
        self._source = source
        self._wanted = wanted
        self._most = most
        self._waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._seen: frozenset[tuple[str, str]] = frozenset()
        self._over = False

    async def batches(self, heartbeat_seconds: float) -> AsyncIterator[Batch]:
        """What is wanted, batch by batch; an empty one after each ``heartbeat_seconds`` of silence.

        Ends when the server stops, when this listener was too slow, and when the feed cannot be
        read for it now: it may come again with the last cursor it got.
        """
        while not self._over:
            if self._waiting.empty() and not self._source.is_live(self):
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
        if self._over:
            return False
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
        self._source.forget(self)

    async def _bring_on(self) -> None:
        try:
            await self._source.bring_on(self)
        except Exception as error:  # noqa: BLE001 - the feed's edge: the listener comes again
            log.warning("a stream ends: the feed cannot be read: %s", type(error).__name__)
            self.end()
