"""The embedded pipeline processes what its stage sends back into the log, once in effect."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from pipeline.adapters.embedded.files import Files
from pipeline.adapters.embedded.log_reader import LogReader
from pipeline.adapters.embedded.runner import EmbeddedRunner
from pipeline.adapters.http.ports import Entry
from pipeline.engine.ports import Output
from schemas.topics import SCORES
from tests.integration.embedded_app import now_ms
from tests.integration.embedded_loop import DEADLY, make_loop_runner, note
from tests.integration.embedded_process import ROOT, stored_states
from tests.integration.observers import CountingObserver
from tests.services.process import wait_until

Row = tuple[str, bytes, bytes]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "touchpoint.db")


def noted(files: Files) -> list[Row]:
    with closing(sqlite3.connect(files.state)) as connection:
        return list(connection.execute("SELECT topic, key, value FROM noted"))


def logged(files: Files) -> list[tuple[bytes, bytes | None]]:
    """Keys and values of the log, without its ticks."""
    reader = LogReader(files.log)
    try:
        records = reader.read(0, records=1_000, size=1 << 24)
    finally:
        reader.close()
    return [(r.key, r.value) for r in records if r.key is not None]


def position(files: Files) -> int:
    """How many records of the log were read."""
    with closing(sqlite3.connect(files.state)) as connection:
        row = connection.execute("SELECT next_offset FROM lane_position").fetchone()
        return int(row[0])


def work_off(runner: EmbeddedRunner, entries: Sequence[Entry] = ()) -> None:
    """Start, append and wait until nothing waits any more, then stop."""
    runner.start()
    if entries:
        asyncio.run(runner.append(entries, now_ms()))
    wait_until(lambda: runner.lag_records == 0, seconds=30, what="the lane to catch up")
    runner.stop()


def test_looped_events_are_processed_without_another_event(files: Files) -> None:
    observer = CountingObserver()
    runner = make_loop_runner(files.state, observer=observer)
    work_off(runner, [Entry(b"a", b"e1>b>c"), Entry(b"b", b"e2")])
    assert logged(files) == [
        (b"a", b"e1>b>c"),
        (b"b", b"e2"),
        (b"b", b"e1>c"),
        (b"c", b"e1"),
    ]
    assert stored_states(files) == {b"a": b"e1", b"b": b"e2 e1", b"c": b"e1"}
    # They are no rows: what goes back into the log is processed there, and not published.
    assert noted(files) == [
        (SCORES, b"a", b"e1>b>c"),
        (SCORES, b"b", b"e2"),
        (SCORES, b"b", b"e1>c"),
        (SCORES, b"c", b"e1"),
    ]
    assert (observer.processed, observer.duplicates, observer.refused) == (position(files), 0, 0)


def test_looped_event_logged_before_a_kill_is_applied_once(files: Files) -> None:
    command = [sys.executable, "-m", "tests.integration.embedded_loop", str(files.state)]
    died = subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode
    assert died == -signal.SIGKILL
    assert logged(files) == [DEADLY[:2], (b"b", b"e>c")]
    assert (noted(files), stored_states(files)) == ([], {})
    observer, before = CountingObserver(), position(files)
    work_off(make_loop_runner(files.state, observer=observer))
    assert Counter(logged(files))[b"b", b"e>c"] == 2
    assert stored_states(files) == dict.fromkeys((b"a", b"b", b"c"), b"e")
    assert Counter(noted(files)) == {
        (SCORES, b"a", b"e>b>c"): 1,
        (SCORES, b"b", b"e>c"): 1,
        (SCORES, b"c", b"e"): 1,
    }
    assert observer.duplicates == 1
    assert observer.processed + observer.duplicates == position(files) - before


def test_a_commit_that_fails_before_its_end_repeats_nothing_in_the_log(files: Files) -> None:
    observer = CountingObserver()

    def fail_once(connection: Connection, outputs: Sequence[Output]) -> None:
        note(connection, outputs)
        if not observer.failures:
            raise sqlite3.OperationalError("database or disk is full")

    work_off(make_loop_runner(files.state, observer=observer, write=fail_once), [DEADLY])
    assert len(observer.failures) == 1
    assert logged(files) == [DEADLY[:2], (b"b", b"e>c"), (b"c", b"e")]


def test_what_the_lane_sends_back_is_not_refused_for_its_own_lag(files: Files) -> None:
    observer = CountingObserver()
    runner = make_loop_runner(files.state, observer=observer, lag_records=10)
    work_off(runner, [Entry(b"a", b"e%d>b" % number) for number in range(100)])
    assert len(noted(files)) == 200
    assert observer.failures == []
