"""Timers of the embedded pipeline: through its log, its state file and a start in mid-tick."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.runner import EmbeddedLimits, EmbeddedRunner
from pipeline.adapters.embedded.store import StateFile
from pipeline.adapters.http.ports import Entry
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import Output, Position
from tests.engine.timer_toy import TimerStage
from tests.integration.embedded_loop import note, prepare
from tests.integration.observers import CountingObserver
from tests.services.process import wait_until

OLD_TABLE = """
CREATE TABLE lane_position (id INTEGER PRIMARY KEY CHECK (id = 0), next_offset INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL, log_id TEXT NOT NULL);
INSERT INTO lane_position VALUES (0, 7, 70, 'the log');
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "touchpoint.db")


class Embedded:
    """A pipeline of the timer stage that fires three timers a commit; it may fail at one."""

    def __init__(self, files: Files, *, failing_write: int | None = None) -> None:
        self._files = files
        self._writes = 0
        self._failing_write = failing_write
        self.observer = CountingObserver()
        self.runner = EmbeddedRunner(
            files,
            stage=TimerStage(),
            prepare=prepare,
            write_outputs=self._write,
            observer=self.observer,
            tick_value=lambda partition, clock_ms: b"tick 1",
            now_ms=lambda: 1,
            limits=EmbeddedLimits(
                tick_seconds=3_600,
                lane=LaneLimits(max_timers=3, first_backoff_seconds=0.01, close_seconds=1.0),
            ),
        )

    def run(self, *lines: str, fired: int) -> None:
        """Append ``lines``, and stop once ``fired`` timers have in all."""
        self.runner.start()
        entries = [Entry(*_split(line)) for line in lines]
        asyncio.run(self.runner.append(entries, 1))
        wait_until(
            lambda: self.runner.lag_records == 0 and len(fired_in(self._files)) >= fired,
            seconds=20,
            what="the timers",
        )
        self.runner.stop()

    def _write(self, connection: Connection, outputs: Sequence[Output]) -> None:
        note(connection, outputs)
        self._writes += 1
        if self._writes == self._failing_write:
            raise sqlite3.OperationalError("disk full")


def _split(line: str) -> tuple[bytes, bytes]:
    key, _, value = ("clock", "", line) if line.startswith("tick") else line.partition(" ")
    return key.encode(), value.encode()


def fired_in(files: Files) -> list[str]:
    with closing(sqlite3.connect(files.state)) as connection:
        rows = connection.execute("SELECT key, value FROM noted WHERE topic = 'due'").fetchall()
    return [f"{key.decode()} {value.decode()}" for key, value in rows]


def position(files: Files) -> Position:
    state = StateFile(files.state)
    state.connect()
    try:
        return state.position()
    finally:
        state.disconnect()


def test_timers_fire_once_over_a_failed_write_and_a_restart(files: Files) -> None:
    names = [f"k{n}" for n in range(8)]
    first = Embedded(files, failing_write=3)
    first.run(*(f"{name} at 50" for name in names), "late at 90", "tick 60", fired=8)
    assert fired_in(files) == [f"{name} 50 at 60" for name in names]
    assert len(first.observer.failures) == 1
    Embedded(files).run("tick 95", fired=9)
    assert fired_in(files)[8:] == ["late 90 at 95"]
    assert position(files).clock_ms == 95


def test_a_tick_that_was_not_finished_is_finished_at_the_start(files: Files) -> None:
    names = [f"k{n}" for n in range(8)]
    Embedded(files).run(*(f"{name} at 50" for name in names), fired=0)
    before = StateFile(files.state)
    before.connect()
    assert before.move(before.position(), Position(before.position().next_offset, 60, (50, b"k4")))
    before.disconnect()
    # The start itself ticks: whatever is still due then comes after what was left.
    Embedded(files).run(fired=8)
    assert fired_in(files) == [f"k{n} 50 at 60" for n in (5, 6, 7, 0, 1, 2, 3, 4)]
    assert position(files).fired is None


def test_a_position_in_the_middle_of_a_tick_moves_only_from_there(files: Files) -> None:
    state = StateFile(files.state)
    state.bind("the log", 9)
    state.connect()
    middle = Position(3, 60, (50, b"k4"))
    assert state.move(Position(), middle)
    assert state.position() == middle
    assert not state.move(Position(3, 60, (50, b"k3")), Position(3, 60))
    assert not state.move(Position(3, 60), Position(4, 60))
    assert state.move(middle, Position(3, 60))
    assert state.position() == Position(3, 60)
    state.disconnect()


def test_a_file_from_before_there_were_timers_is_taken_on(files: Files) -> None:
    with closing(sqlite3.connect(files.state)) as connection:
        connection.executescript(OLD_TABLE)
    state = StateFile(files.state)
    for _ in range(2):
        assert state.bind("the log", 9) == Position(7, 70)
    state.connect()
    assert state.move(Position(7, 70), Position(8, 80, (75, b"ann")))
    state.disconnect()
