"""The listening socket: quick answers, and a plain word if the port is taken."""

import asyncio
import socket

import pytest

from pipeline.adapters.http.server import PortTaken, listen


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
