"""Work in a thread with an event loop of its own, beside whatever else the process does."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

log = logging.getLogger(__name__)

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Returns soon after the event is set. What it raises ends it for good."""


class Beside:
    """``work`` between ``start`` and ``stop``, in a thread called ``name``."""

    def __init__(self, name: str, work: Work) -> None:
        self.name = name
        self.dead = False
        """Whether an error ended it: only a restart can help."""
        self._work = work
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        begun = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(begun,), name=self.name, daemon=True
        )
        self._thread.start()
        begun.wait()

    def stop(self) -> None:
        """Tell it to end, and wait until it has."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        with suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def fatal(self) -> str | None:
        """Why only a restart can help, ``None`` while it can go on."""
        return f"{self.name} ended" if self.dead else None

    def _run(self, begun: threading.Event) -> None:
        try:
            asyncio.run(self._main(begun))
        except Exception:
            self.dead = True
            log.exception("%s ended", self.name)
        finally:
            begun.set()

    async def _main(self, begun: threading.Event) -> None:
        self._loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._stop = stop
        begun.set()
        await self._work(stop)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when ``event`` is set, or after ``seconds``."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
