"""An embedded pipeline that kills itself at one exact place: FILE PLACE COUNT."""

import asyncio
import os
import random
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, event

from pipeline.adapters.embedded.runner import EmbeddedLimits
from pipeline.adapters.http.ports import Entry
from pipeline.engine.ports import Labels, Output
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.integration.embedded_app import make_runner, now_ms
from tests.integration.embedded_process import transactions
from tests.integration.observers import CountingObserver

PLACES = ("before outputs", "after outputs", "before commit", "after commit")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def entries(count: int) -> list[Entry]:
    return [
        Entry(each["subject"].encode(), msgspec.json.encode(each))
        for each in transactions("crash", count, random.Random(1))
    ]


class DyingObserver(CountingObserver):
    """Dies when told of a commit; ticks are not meant."""

    def committed(
        self,
        partition: int,
        *,
        processed: int,
        duplicates: int,
        refused: Mapping[str, int],
        outputs: int,
        fired: int,
        failed: int,
        waiting: int,
        seconds: float,
        told: Mapping[Labels, int],
    ) -> None:
        if outputs:
            die()


def main() -> None:
    file, place, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    armed = threading.Event()

    def write(connection: Connection, outputs: Sequence[Output]) -> object:
        if place == "before outputs":
            die()
        written = write_outputs(connection, outputs)
        if place == "after outputs":
            die()
        armed.set()
        return written

    def prepare(engine: Engine) -> None:
        upgrade(engine)
        if place == "before commit":
            event.listen(engine, "commit", lambda _: die() if armed.is_set() else None)

    runner = make_runner(
        file,
        observer=DyingObserver() if place == "after commit" else None,
        prepare=prepare,
        write=write,
        limits=EmbeddedLimits(tick_seconds=3_600),
    )
    runner.start()
    asyncio.run(runner.append(entries(count), now_ms()))
    threading.Event().wait(60)


if __name__ == "__main__":
    main()
