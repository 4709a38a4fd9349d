"""The embedded pipeline in this process: what it makes of its files, and what it refuses."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection

from pipeline.adapters.embedded.files import FileInUse, Files, StartRefused, WrongFile
from pipeline.adapters.embedded.runner import EmbeddedLimits, EmbeddedRunner
from pipeline.adapters.embedded.schema import make_lane_tables
from pipeline.adapters.embedded.store import SqliteStore, StateFile
from pipeline.adapters.embedded.unit_of_work import SqliteUnitOfWork
from pipeline.adapters.http.ports import Busy, Entry
from pipeline.engine.errors import Fenced, StoreFailed
from pipeline.engine.ports import Checkpoint, Output, Position
from sinks.sql.rows import write_outputs
from tests.integration.embedded_app import make_runner, now_ms
from tests.integration.embedded_process import (
    oracle_states,
    processed,
    stored_states,
    transactions,
)
from tests.integration.observers import CountingObserver
from tests.services.process import wait_until

QUIET = EmbeddedLimits(tick_seconds=3_600)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "touchpoint.db")


def entries(prefix: str, count: int) -> list[Entry]:
    return [
        Entry(event["subject"].encode(), msgspec.json.encode(event))
        for event in transactions(prefix, count, random.Random(prefix))
    ]


def append(runner: EmbeddedRunner, batch: Sequence[Entry]) -> None:
    asyncio.run(runner.append(batch, now_ms()))


def wait_idle(runner: EmbeddedRunner) -> None:
    wait_until(lambda: runner.lag_records == 0, seconds=30, what="the lane to catch up")


def run_until_a_tick(files: Files) -> None:
    """What waits for a time that is past has come after it."""
    done, _ = position(files)
    runner = make_runner(files.state, limits=QUIET)
    runner.start()
    wait_until(
        lambda: runner.status is not None and runner.status.next_offset > done,
        seconds=30,
        what="its one tick",
    )
    runner.stop()


def run_once(files: Files, batch: Sequence[Entry]) -> None:
    runner = make_runner(files.state, limits=QUIET)
    runner.start()
    append(runner, batch)
    wait_idle(runner)
    runner.stop()


def position(files: Files) -> tuple[int, int]:
    with closing(sqlite3.connect(files.state)) as connection:
        row = connection.execute("SELECT next_offset, clock_ms FROM lane_position").fetchone()
        return int(row[0]), int(row[1])


def test_events_become_rows_and_states_once_each(files: Files) -> None:
    observer = CountingObserver()
    runner = make_runner(files.state, observer=observer, limits=QUIET)
    runner.start()
    for part in range(5):
        append(runner, entries(f"part-{part}", 200))
    append(runner, entries("part-0", 5))  # the first events of a customer again, forgotten or not
    append(runner, entries("part-4", 5))
    append(runner, [Entry(b"k", b"broken")])
    wait_idle(runner)
    runner.stop()
    total = 5 * 200 + 11 + 1  # and the first tick
    assert observer.processed + observer.duplicates + observer.refused == total
    assert observer.refused == 1
    assert len(processed(files)) == 1_000
    assert stored_states(files) == oracle_states(files)
    assert position(files)[0] == total


def test_ticks_move_the_clock_of_the_position(files: Files) -> None:
    runner = make_runner(files.state, limits=EmbeddedLimits(tick_seconds=0.02))
    before_ms = now_ms()
    runner.start()
    wait_until(lambda: position(files)[0] >= 5, seconds=30, what="five ticks")
    runner.stop()
    assert before_ms <= position(files)[1] <= now_ms()


def test_restart_goes_on_behind_what_was_done(files: Files) -> None:
    run_once(files, entries("first", 100))
    run_once(files, entries("second", 100))
    found = processed(files)
    assert len(found) == 200
    assert set(found.values()) == {1}
    assert stored_states(files) == oracle_states(files)


def test_state_that_was_lost_is_made_again_from_the_log(files: Files) -> None:
    run_once(files, entries("first", 100))
    run_until_a_tick(files)  # the first run's may have come before its events
    before = stored_states(files)
    for path in files.state.parent.glob("touchpoint.db*"):
        if not path.name.startswith("touchpoint.db.log"):
            path.unlink()
    runner = make_runner(files.state, limits=QUIET)
    runner.start()
    wait_idle(runner)
    runner.stop()
    assert stored_states(files) == before
    assert set(processed(files).values()) == {1}


def test_lost_log_is_refused_with_what_to_do(files: Files) -> None:
    run_once(files, entries("first", 10))
    for path in files.state.parent.glob("touchpoint.db.log*"):
        path.unlink()
    with pytest.raises(WrongFile, match=r"touchpoint\.db\.log is not the log .* move .* away"):
        make_runner(files.state).start()
    # Refusing left nothing behind that would make the second try succeed.
    with pytest.raises(WrongFile):
        make_runner(files.state).start()


def test_log_cut_short_is_refused(files: Files) -> None:
    run_once(files, entries("first", 10))
    with closing(sqlite3.connect(files.log)) as connection:
        connection.execute('DELETE FROM event WHERE "offset" >= 5')
        connection.commit()
    with pytest.raises(WrongFile, match=r"up to 11, .* ends at 5"):
        make_runner(files.state).start()


def test_two_processes_on_one_file_are_refused(files: Files) -> None:
    runner = make_runner(files.state, limits=QUIET)
    runner.start()
    with pytest.raises(FileInUse):
        make_runner(files.state).start()
    runner.stop()


def test_file_that_is_no_database_is_refused(files: Files) -> None:
    files.state.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StartRefused, match="not a database"):
        make_runner(files.state).start()


class FailingWrites:
    """Writes outputs, unless the disk is said to be full."""

    def __init__(self) -> None:
        self.full = False

    def __call__(self, connection: Connection, outputs: Sequence[Output]) -> object:
        written = write_outputs(connection, outputs)
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        return written


def test_lane_behind_pushes_back_then_catches_up(files: Files) -> None:
    write, observer = FailingWrites(), CountingObserver()
    limits = EmbeddedLimits(lag_records=50, tick_seconds=3_600)
    runner = make_runner(files.state, observer=observer, write=write, limits=limits)
    runner.start()
    write.full = True
    append(runner, entries("a", 60))
    with pytest.raises(Busy) as busy:
        append(runner, entries("b", 1))
    assert busy.value.retry_after_seconds > 0
    said = "disk is full"  # before that, the lane is not ready because it opens
    wait_until(lambda: said in runner.conditions()[1].detail, seconds=10, what="the lane to say so")
    lane = runner.conditions()[1]
    assert (lane.name, lane.ready) == ("lane 0", False)
    assert "customer" not in lane.detail
    write.full = False
    wait_idle(runner)
    append(runner, entries("b", 1))
    wait_idle(runner)
    assert runner.conditions()[1].ready
    runner.stop()
    assert observer.failures
    found = processed(files)
    assert len(found) == 61
    assert set(found.values()) == {1}


def test_failed_append_of_a_tick_does_not_end_the_lane(files: Files) -> None:
    runner = make_runner(files.state, limits=EmbeddedLimits(tick_seconds=0.02))
    runner.start()
    with closing(sqlite3.connect(files.log, isolation_level=None)) as other:
        other.execute("ALTER TABLE event RENAME TO hidden")
        wait_until(lambda: not runner.conditions()[0].ready, seconds=10, what="the log to fail")
        other.execute("ALTER TABLE hidden RENAME TO event")
    wait_until(lambda: runner.conditions()[0].ready, seconds=10, what="the log to recover")
    append(runner, entries("a", 10))
    wait_until(lambda: len(processed(files)) == 10, seconds=30, what="the events")
    assert runner.fatal() is None
    runner.stop()


def _state(files: Files) -> StateFile:
    state = StateFile(files.state)
    state.bind("log-1", 0)
    return state


def _note(connection: Connection, outputs: Sequence[Output]) -> None:
    connection.exec_driver_sql("INSERT INTO noted VALUES (?)", [(o.value,) for o in outputs])


async def _loop_nothing(outputs: Sequence[Output]) -> None:
    pytest.fail(f"nothing was sent to the source topic: {outputs}")


def _noted(files: Files) -> list[bytes]:
    with closing(sqlite3.connect(files.state)) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM noted")]


def test_unit_of_work_shows_all_or_nothing(files: Files) -> None:
    state = _state(files)
    with state.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE noted (value BLOB)")
    unit, store = SqliteUnitOfWork(state, _note, _loop_nothing), SqliteStore(state)

    async def run() -> None:
        await unit.open()
        await unit.begin()
        await unit.send([Output("t", b"a", b"first")], {b"a": b"1", b"b": b"2"}, Position(7, 70))
        await unit.send_offsets(Position(7, 70))
        assert (_noted(files), stored_states(files), position(files)) == ([], {}, (0, 0))
        await unit.commit()
        await unit.begin()
        await unit.send([Output("t", b"a", b"second")], {b"a": None}, Position(9, 90))
        await unit.close()
        await unit.open()

    asyncio.run(run())
    assert _noted(files) == [b"first"]
    assert stored_states(files) == {b"a": b"1", b"b": b"2"}
    assert store.checkpoint() == Checkpoint(Position(7, 70))
    asyncio.run(unit.close())


def test_store_finds_states_in_the_order_asked(files: Files) -> None:
    state = _state(files)
    state.connect()
    state.write({b"a": b"1", b"b": b"2"})
    store = SqliteStore(state)
    many = [str(i).encode() for i in range(1_200)]
    assert store.get_many([b"b", b"x", *many, b"a"]) == [b"2", None, *[None] * 1_200, b"1"]
    store.apply({b"z": b"26"}, Checkpoint())
    state.write({b"a": b"3", b"b": None})
    assert dict(store.items()) == {b"a": b"3"}
    with pytest.raises(StoreFailed, match="move the file away"):
        store.clear()
    state.disconnect()
    with pytest.raises(StoreFailed):
        store.get_many([b"a"])


def test_position_that_somebody_else_moved_fences(files: Files) -> None:
    state = _state(files)
    unit = SqliteUnitOfWork(state, lambda connection, outputs: None, _loop_nothing)

    async def run() -> None:
        await unit.open()
        with closing(sqlite3.connect(files.state, isolation_level=None)) as other:
            other.execute("UPDATE lane_position SET next_offset = 5")
        await unit.begin()
        with pytest.raises(Fenced):
            await unit.send([], {b"a": b"1"}, Position(1, 0))
        await unit.close()

    asyncio.run(run())
    assert stored_states(files) == {}
    assert position(files) == (5, 0)


def test_tables_are_made_once(files: Files) -> None:
    with closing(sqlite3.connect(files.state)) as connection:
        make_lane_tables(connection)
        make_lane_tables(connection)
    assert stored_states(files) == {}
