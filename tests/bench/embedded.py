"""Measures the embedded pipeline over HTTP: events taken a second, and time until an output shows.

``python -m tests.bench.embedded``; everything runs on this machine, the client too.
"""

import asyncio
import os
import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import quantiles

import msgspec

from tests.integration.embedded_process import EmbeddedProcess, transactions
from tests.services.process import wait_until

CONNECTIONS = 8
SECONDS = 6.0
RATE = 200


class Client:
    """One keep-alive connection; as little work as possible beside the server's."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def post(self, body: bytes) -> int:
        head = (
            "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(answer[9:12])


def body_of(size: int) -> Callable[[int], bytes]:
    rng = random.Random(size)

    def make(number: int) -> bytes:
        events = transactions(f"n{size}-{number}", size, rng)
        for event in events:
            event["subject"] = f"customer-{rng.randrange(20_000)}"
        return msgspec.json.encode(events if size > 1 else events[0])

    return make


async def load(port: int, size: int) -> tuple[int, float, int]:
    """Events taken, the seconds it took, and how often 429 was answered."""
    make = body_of(size)
    bodies = [make(i) for i in range(200_000 // (size + 9))]
    taken = pushed_back = 0
    started = time.perf_counter()

    async def publish() -> None:
        nonlocal taken, pushed_back
        client = Client(port)
        await client.open()
        while bodies and time.perf_counter() - started < SECONDS:
            body = bodies.pop()
            while (status := await client.post(body)) != 202:
                assert status == 429
                pushed_back += 1
                await asyncio.sleep(0.2)
            taken += size

    await asyncio.gather(*(publish() for _ in range(CONNECTIONS)))
    return taken, time.perf_counter() - started, pushed_back


def processor_seconds(pid: int) -> float:
    """What the process has used so far, all threads; steadier than rates on a shared machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM contributions").fetchone()[0])


class Watcher(threading.Thread):
    """Notes when each event's output is visible to another connection."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self._file = file
        self.seen: dict[str, float] = {}
        self.stopping = False

    def run(self) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            last = connection.execute("SELECT max(seq) FROM contributions").fetchone()[0] or 0
            while not self.stopping:
                found = connection.execute(
                    "SELECT seq, event FROM contributions WHERE seq > ?", (last,)
                ).fetchall()
                now = time.perf_counter()
                for seq, event in found:
                    last = seq
                    self.seen[event] = now
                time.sleep(0.0005)


async def latency(port: int, watcher: Watcher) -> tuple[list[float], list[float]]:
    """Milliseconds until the answer and until the output, at ``RATE`` events a second."""
    make = body_of(1)
    clients = [Client(port) for _ in range(CONNECTIONS)]
    for client in clients:
        await client.open()
    idle = asyncio.Queue[Client]()
    for client in clients:
        idle.put_nowait(client)
    sent: dict[str, float] = {}
    answers: list[float] = []

    async def one(number: int) -> None:
        body = make(number)
        client = await idle.get()
        begun = time.perf_counter()
        sent[f"n1-{number}-0"] = begun
        assert await client.post(body) == 202
        answers.append((time.perf_counter() - begun) * 1000)
        idle.put_nowait(client)

    started = time.perf_counter()
    tasks: list[asyncio.Task[None]] = []
    for number in range(1_000_000, 1_000_000 + int(RATE * SECONDS)):
        delay = started + len(tasks) / RATE - time.perf_counter()
        await asyncio.sleep(max(0.0, delay))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    await asyncio.to_thread(
        wait_until, lambda: sent.keys() <= watcher.seen.keys(), seconds=60, what="all outputs"
    )
    return answers, [(watcher.seen[event] - begun) * 1000 for event, begun in sent.items()]


def show(name: str, milliseconds: list[float]) -> None:
    cuts = quantiles(milliseconds, n=100)
    print(f"{name}: p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = EmbeddedProcess(Path(folder))
        process.start()
        try:
            watcher = Watcher(process.files.state)
            watcher.start()
            answers, outputs = asyncio.run(latency(process.port, watcher))
            watcher.stopping = True
            watcher.join()
            show(f"at {RATE} events/s, sent to answered", answers)
            show(f"at {RATE} events/s, sent to output", outputs)
            for size in (1, 10, 100):
                before, begun = rows(process.files.state), time.perf_counter()
                used = processor_seconds(process.pid)
                taken, seconds, pushed_back = asyncio.run(load(process.port, size))
                done = (rows(process.files.state) - before) / (time.perf_counter() - begun)
                wait_until(
                    lambda end=before + taken: rows(process.files.state) >= end,  # type: ignore[misc]
                    seconds=120,
                    what="the lane to catch up",
                )
                used = (processor_seconds(process.pid) - used) / taken
                print(
                    f"{size} a request: {taken / seconds:,.0f} events/s taken, {done:,.0f} "
                    f"processed meanwhile, {pushed_back} times 429; {used * 1e6:.0f} us of CPU "
                    "an event, all together"
                )
        finally:
            process.stop()


if __name__ == "__main__":
    main()
