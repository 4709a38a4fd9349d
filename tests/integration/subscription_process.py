"""A process that sends notices until it is killed: DATABASE-URL CLAIM-SECONDS."""

import asyncio
import sys

from pipeline.adapters.beside import wait_for
from pipeline.adapters.dispatch.port import SYSTEM_CLOCK
from pipeline.adapters.subscriptions.sender import Sender
from pipeline.bootstrap.subscriptions import make_outlet
from sinks.sql.deliveries import SqlDeliveries
from sinks.sql.engine import make_engine


async def main(url: str, claim_seconds: float) -> None:
    log = SqlDeliveries(make_engine(url))
    sender = Sender(log, make_outlet, clock=SYSTEM_CLOCK, claim_seconds=claim_seconds)
    while True:
        await sender.step()
        await wait_for(sender.news, 0.05)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
