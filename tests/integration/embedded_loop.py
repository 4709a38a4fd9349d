"""An embedded pipeline of the loop stage; run as a program it dies between log and commit: FILE."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedLimits, EmbeddedRunner
from pipeline.adapters.http.ports import Entry
from pipeline.engine.ports import Output
from tests.integration.embedded_app import now_ms
from tests.integration.kafka_toy import tick_value
from tests.integration.loop_toy import LoopStage
from tests.integration.observers import CountingObserver

DEADLY = Entry(b"a", b"e>b>c")


def note(connection: Connection, outputs: Sequence[Output]) -> None:
    """Write the outputs as rows of their own table."""
    for row in outputs:
        connection.exec_driver_sql("INSERT INTO noted VALUES (?, ?, ?)", tuple(row))


def prepare(engine: Engine) -> None:
    """Make that table."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS noted (topic, key, value)")


def make_loop_runner(
    file: Path,
    *,
    observer: CountingObserver | None = None,
    prepare: Callable[[Engine], None] = prepare,
    write: Callable[[Connection, Sequence[Output]], None] = note,
    lag_records: int = 10_000,
) -> EmbeddedRunner:
    """A runner that ticks once at its start and then never."""
    return EmbeddedRunner(
        Files(file),
        stage=LoopStage(),
        prepare=prepare,
        write_outputs=write,
        observer=observer or CountingObserver(),
        tick_value=tick_value,
        now_ms=now_ms,
        limits=EmbeddedLimits(tick_seconds=3_600, lag_records=lag_records),
    )


def main() -> None:
    armed = threading.Event()

    def write(connection: Connection, outputs: Sequence[Output]) -> None:
        note(connection, outputs)
        armed.set()

    def deadly(engine: Engine) -> None:
        prepare(engine)
        # Told before the commit is done, and so after the log was written to.
        event.listen(engine, "commit", lambda _: die() if armed.is_set() else None)

    runner = make_loop_runner(Path(sys.argv[1]), prepare=deadly, write=write)
    runner.start()
    asyncio.run(runner.append([DEADLY], now_ms()))
    threading.Event().wait(60)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
