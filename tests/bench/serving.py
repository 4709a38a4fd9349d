"""How fast ``touchpoint serve`` answers over many customers: ``python -m tests.bench.serving``.

A PostgreSQL of its own is filled (or the one of ``--database`` is taken as it is), the server runs
as a process, and requests come at a steady rate whether or not it keeps up: of pages about one
customer ``--per-second``, of pages about all of them a tenth of that at most. Latency counts from
when a request was due. Customers are asked for whom something has just happened, as when they call.
The peer in the same run is ``/livez``, which does nothing.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import aiohttp
from sqlalchemy import text

from sinks.sql.engine import make_engine
from tests.bench.contender import load_bench_policy
from tests.bench.populating import populate
from tests.services.postgres import LocalPostgres, open_postgres
from tests.services.process import ServiceProcess, free_ports

KEY: Final = "bench-" + "k" * 32
START_SECONDS: Final = 60.0
LIVES: Final = 2_000
_SAMPLED: Final = 20_000
_MEMORY: Final = "4GB"
"""Of the database, for 1,000,000 customers who take 15 GB."""


class Page(NamedTuple):
    """What is asked for; ``share`` of the rate that is asked for."""

    name: str
    path: str
    share: float = 1.0


def pages(now: datetime) -> Sequence[Page]:
    since = quote((now - timedelta(days=7)).isoformat())
    until = quote(now.isoformat())
    span = f"since={since}&until={until}"
    return (
        Page("nothing (/livez)", "/livez"),
        Page("customer", "/v1/customers/{customer}"),
        Page("explanation", "/v1/customers/{customer}/explanation"),
        Page("trail of 48 h", "/v1/customers/{customer}/trail?hours=48"),
        Page("history", "/v1/customers/{customer}/history"),
        Page("scores changed since", "/v1/scores?limit=100", 0.1),
        Page("levels by dimension", f"/v1/insights/levels?axis=dimension&{span}", 0.1),
        Page("levels by touchpoint", f"/v1/insights/levels?axis=touchpoint&{span}", 0.1),
        Page("matrix", f"/v1/insights/matrix?{span}", 0.1),
        Page("falls", f"/v1/insights/falls?limit=50&since={since}", 0.1),
        Page("icebergs", f"/v1/insights/icebergs?{span}", 0.02),
        Page("console: customer", "/console/customers/{customer}", 0.1),
        Page("console: care", "/console/care", 0.02),
        Page("console: operator", "/console/operator", 0.02),
    )


class Took(NamedTuple):
    """Seconds of the answers to one page, sorted, and how many were no 200."""

    seconds: list[float]
    failed: int


async def ask(
    base: str, page: Page, customers: Sequence[str], *, per_second: float, seconds: float
) -> Took:
    """Ask for one page at a steady rate."""
    took: list[float] = []
    failed = 0
    count = max(int(per_second * seconds), 1)

    async def one(client: aiohttp.ClientSession, due: float) -> None:
        nonlocal failed
        path = page.path.format(customer=quote(random.choice(customers), safe=""))
        async with client.get(base + path) as answer:
            await answer.read()
            failed += answer.status != 200
        took.append(time.monotonic() - due)

    headers = {"Authorization": f"Bearer {KEY}"}
    limits = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(headers=headers, connector=limits) as client:
        began, asked = time.monotonic(), []
        for number in range(count):
            due = began + number / per_second
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            asked.append(asyncio.create_task(one(client, due)))
        await asyncio.gather(*asked)
    return Took(sorted(took), failed)


def measure(
    url: str, folder: Path, *, only: str, per_second: float, seconds: float
) -> dict[str, object]:
    """Every page with ``only`` in its name: p50 and p99 in milliseconds, and what failed."""
    engine, now = make_engine(url), datetime.now(UTC)
    with engine.connect() as connection:
        many = text("SELECT count(*) FROM scores")
        count = connection.execute(many).scalar_one()
        latest = text(
            "SELECT DISTINCT customer FROM (SELECT customer FROM contributions"
            " WHERE customer IS NOT NULL ORDER BY time DESC LIMIT :most) AS latest"
        )
        customers = list(connection.execute(latest, {"most": _SAMPLED}).scalars())
    port = free_ports(1)[0]
    base = f"http://127.0.0.1:{port}"
    server = ServiceProcess(
        ["touchpoint", "serve", "--database", url, "--port", str(port)],
        log=folder / "serve.log",
        environment={"TOUCHPOINT_API_KEY": KEY, "TOUCHPOINT_RATE_READ": "none"},
    )
    server.start()
    try:
        asyncio.run(_until_it_answers(base))
        found = {}
        for page in pages(now):
            if only not in page.name:
                continue
            rate = per_second * page.share
            asyncio.run(ask(base, page, customers, per_second=rate, seconds=2.0))
            took = asyncio.run(ask(base, page, customers, per_second=rate, seconds=seconds))
            at = [took.seconds[int(len(took.seconds) * share)] for share in (0.5, 0.99)]
            found[page.name] = {
                "p50_ms": round(1_000 * at[0], 1),
                "p99_ms": round(1_000 * at[1], 1),
                "answers": len(took.seconds),
                "failed": took.failed,
            }
            print(page.name, found[page.name], flush=True)
    finally:
        server.stop(seconds=20.0)
    return {
        "customers": count,
        "per_second": per_second,
        "pages": found,
        "load_average": os.getloadavg(),
    }


async def _until_it_answers(base: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(f"{base}/livez") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"{base} does not answer")
            await asyncio.sleep(0.1)


def main() -> None:
    """Parse the command line, fill a database, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--per-second", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--database", help="an URL of a database that is filled already")
    parser.add_argument("--only", default="", help="pages with this in their name")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchpoint-bench-")))
        url = given.database
        if url is None:
            server = open_postgres(f"shared_buffers={_MEMORY}")
            if isinstance(server, LocalPostgres):
                stack.enter_context(server)
            url = server.create_database()
            began = time.monotonic()
            copies = max(given.customers // LIVES, 1)
            engine = make_engine(url)
            now = datetime.now(UTC)
            populate(engine, load_bench_policy(), lives=LIVES, copies=copies, now=now)
            print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
        result = measure(
            url, folder, only=given.only, per_second=given.per_second, seconds=given.seconds
        )
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
