"""Serves an application until a signal comes, then lets open requests finish."""

import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from threading import Thread
from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config, Server

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5
"""For requests under way; a durable write takes some milliseconds."""

_BACKLOG: Final = 1_024


class PortTaken(Exception):  # noqa: N818 - it says what happened
    """The address cannot be listened on; the message says which."""


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    on_listening: Callable[[str, int], object] = lambda host, port: None,
    on_stopping: Callable[[], object] = lambda: None,
    around: AbstractAsyncContextManager[object] | None = None,
) -> None:
    """Serve ``app`` until SIGINT or SIGTERM; returns after open requests were answered.

    ``port`` 0 takes a free one; ``on_listening`` is told which. ``on_stopping`` is called in the
    server's event loop before open requests are waited for: it ends those that would not end.
    ``around`` is entered in that loop before the first request, and left after the last.
    Raises ``PortTaken``.
    """
    listener = listen(host, port)
    config = Config(
        app,
        log_config=None,  # how to log is the program's business
        access_log=False,  # paths hold customers' ids
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # What is there by now stays: it need not be looked through for garbage, which takes long.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with listener, _signals_stay_here() as came:
        server = _StoppingServer(config, on_stopping, around or nullcontext(), came)
        bound = listener.getsockname()[1]
        log.info("listening on %s port %d", host, bound)
        on_listening(host, bound)
        server.run(sockets=[listener])


class _StoppingServer(Server):
    """Tells before it waits for open requests, and has something open around them all."""

    def __init__(
        self,
        config: Config,
        on_stopping: Callable[[], object],
        around: AbstractAsyncContextManager[object],
        came: Sequence[int],
    ) -> None:
        """``came`` are signals that came before the server took them."""
        super().__init__(config)
        self._came = came
        self._on_stopping = on_stopping
        self._around = around

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        async with self._around:
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.should_exit = self.should_exit or bool(self._came)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)


def serve_beside(app: ASGIApp, host: str, port: int) -> None:
    """Serve ``app`` in a thread of its own for as long as the process lives.

    For health and metrics beside something else's event loop and signals. Raises ``PortTaken``.
    """
    listener = listen(host, port)
    config = Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    # Outside the main thread uvicorn leaves the process's signals alone.
    thread = Thread(target=Server(config).run, args=([listener],), name="health", daemon=True)
    thread.start()
    log.info("health on %s port %d", host, listener.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host`` and ``port``. Raises ``PortTaken``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then; without, an answer in two
    # packets waits 40 ms for the acknowledgement of the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(f"{host} port {port}: {error.strerror or error}") from error
    listener.setblocking(False)
    return listener


@contextmanager
def _signals_stay_here() -> Iterator[Sequence[int]]:
    """The server raises the signal that stopped it once more: it must not end the process before
    its caller has closed the files. Yields those that came while the server did not listen."""
    signals = (signal.SIGINT, signal.SIGTERM)
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in signals}
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
