"""The server: quick answers, a plain word if the port is taken, an end that nothing holds up."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import pytest

from pipeline.adapters.http.app import end_streams
from pipeline.adapters.http.server import GRACE_SECONDS, PortTaken, listen, serve
from tests.unit.http_fakes import World


def test_small_answers_do_not_wait_for_an_acknowledgement() -> None:
    async def nodelay() -> int:
        accepted = asyncio.Queue[asyncio.StreamWriter]()

        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.put_nowait(writer)

        listener = listen("127.0.0.1", 0)
        server = await asyncio.start_server(take, sock=listener)
        _, client = await asyncio.open_connection(*listener.getsockname())
        writer = await accepted.get()
        option: int = writer.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )
        for each in (client, writer):
            each.close()
            await each.wait_closed()
        server.close()
        await server.wait_closed()
        return option

    assert asyncio.run(nodelay()) == 1


def test_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1 port {port}: "):
            listen("127.0.0.1", port)


def test_open_streams_do_not_hold_up_the_end() -> None:
    world = World()
    told: list[bytes] = []

    def read_until_the_end(host: str, port: int) -> None:
        with socket.create_connection((host, port), timeout=GRACE_SECONDS) as connection:
            connection.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            while b"retry: " not in b"".join(told):
                told.append(connection.recv(65_536))
            os.kill(os.getpid(), signal.SIGTERM)
            while received := connection.recv(65_536):
                told.append(received)

    readers: list[Thread] = []

    def listening(host: str, port: int) -> None:
        readers.append(Thread(target=read_until_the_end, args=(host, port)))
        readers[0].start()

    serve(
        world.app,
        "127.0.0.1",
        0,
        on_listening=listening,
        on_stopping=lambda: end_streams(world.app),
    )
    readers[0].join()
    # The end of a chunked answer: it was not cut off after the time of grace.
    assert b"".join(told).endswith(b"\r\n0\r\n\r\n")


def test_what_is_around_requests_is_open_for_the_first_and_closed_after_the_last() -> None:
    states: list[str] = []

    @asynccontextmanager
    async def around() -> AsyncIterator[None]:
        asyncio.get_running_loop()
        states.append("open")
        yield
        states.append("closed")

    def listening(host: str, port: int) -> None:
        Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()

    serve(
        World().app,
        "127.0.0.1",
        0,
        on_listening=listening,
        on_stopping=lambda: states.append("stopping"),
        around=around(),
    )
    assert states == ["open", "stopping", "closed"]


def test_a_signal_that_comes_before_the_server_takes_signals_ends_it() -> None:
    serve(
        World().app,
        "127.0.0.1",
        0,
        on_listening=lambda host, port: os.kill(os.getpid(), signal.SIGTERM),
    )
