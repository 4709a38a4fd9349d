"""The log: durable appends, group commit, idempotency keys, a full disk and its recovery."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.adapters.embedded.files import FileInUse, FileLock, WrongFile
from pipeline.adapters.embedded.log import EventLog, LogLimits
from pipeline.adapters.embedded.log_reader import LogReader
from pipeline.adapters.http.ports import Busy, Entry, KeyReused, Once, Unavailable

DAY_MS = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.db.log"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    log = EventLog(path)
    log.open()
    yield log
    log.close()


def entry(value: str, key: str = "ann") -> Entry:
    return Entry(key.encode(), value.encode())


def values(path: Path, offset: int = 0) -> list[bytes | None]:
    reader = LogReader(path)
    try:
        return [record.value for record in reader.read(offset, records=10_000, size=1 << 24)]
    finally:
        reader.close()


def test_records_come_back_as_they_were_appended(log: EventLog, path: Path) -> None:
    headers = (("trace", b"\x00\xff"), ("trace", b"2"))
    asyncio.run(log.append([Entry(b"k", b"v", headers), Entry(None, b"")], 17))
    reader = LogReader(path)
    first, second = reader.read(0, records=10, size=1_000)
    reader.close()
    assert (first.offset, first.key, first.value, first.timestamp) == (0, b"k", b"v", 17)
    assert first.headers == headers
    assert (second.offset, second.key, second.value, second.headers) == (1, None, b"", ())


def test_append_is_on_the_disk_when_it_returns(log: EventLog, path: Path) -> None:
    asyncio.run(log.append([entry("a")], 1))
    with closing(sqlite3.connect(path)) as another:
        assert another.execute("SELECT value FROM event").fetchall() == [(b"a",)]


def test_append_does_not_return_while_its_commit_waits(log: EventLog, path: Path) -> None:
    async def run() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(log.append([entry("a")], 1))
            done, _ = await asyncio.wait({task}, timeout=0.2)
            assert not done
            other.execute("COMMIT")
        await task

    asyncio.run(run())
    assert values(path) == [b"a"]


def test_log_goes_on_where_it_ended(log: EventLog, path: Path) -> None:
    asyncio.run(log.append([entry("a"), entry("b")], 1))
    log.close()
    again = EventLog(path)
    again.open()
    assert (again.end, again.identity) == (2, log.identity)
    asyncio.run(again.append([entry("c")], 1))
    again.close()
    assert values(path) == [b"a", b"b", b"c"]


def test_appends_that_wait_share_one_commit(log: EventLog, path: Path) -> None:
    commits = 0

    def count() -> None:
        nonlocal commits
        commits += 1

    async def run() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [asyncio.create_task(log.append([entry(str(i))], 1)) for i in range(50)]
            await asyncio.sleep(0)  # each has queued its entry; the writer waits for the lock
            log.listen(count)
            other.execute("COMMIT")
            await asyncio.gather(*waiting)

    asyncio.run(run())
    assert values(path) == [str(i).encode() for i in range(50)]
    # One for whatever the writer had taken when it met the lock, one for the rest.
    assert commits <= 2


def test_full_queue_is_busy_and_says_when_to_come_again(path: Path) -> None:
    log = EventLog(path, LogLimits(waiting_records=10, group_records=1))
    log.open()

    async def run() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [asyncio.create_task(log.append([entry("x")], 1)) for _ in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(Busy) as busy:
                await log.append([entry("too many")], 1)
            assert busy.value.retry_after_seconds > 0
            lanes_own = asyncio.create_task(log.append([entry("own")], 1, bounded=False))
            await asyncio.sleep(0)
            other.execute("COMMIT")
        await asyncio.gather(*waiting, lanes_own)
        await log.append([entry("y")], 1)

    asyncio.run(run())
    log.close()
    assert values(path) == [b"x"] * 10 + [b"own", b"y"]


def test_key_is_answered_once_and_written_once(log: EventLog, path: Path) -> None:
    once = Once("k", b"digest", b"answer")
    assert asyncio.run(log.append([entry("a")], 1, once)) is None
    assert asyncio.run(log.append([entry("a")], 2, once)) == b"answer"
    assert asyncio.run(log.append([], 2, once)) == b"answer"
    with pytest.raises(KeyReused):
        asyncio.run(log.append([entry("b")], 3, Once("k", b"other", b"")))
    assert values(path) == [b"a"]


def test_same_key_at_the_same_moment_is_written_once(log: EventLog, path: Path) -> None:
    async def run() -> list[bytes | None]:
        once = Once("k", b"digest", b"answer")
        return await asyncio.gather(*(log.append([entry("a")], 1, once) for _ in range(20)))

    answers = asyncio.run(run())
    assert (answers.count(None), answers.count(b"answer")) == (1, 19)
    assert values(path) == [b"a"]


def test_key_without_entries_is_not_kept(log: EventLog, path: Path) -> None:
    assert asyncio.run(log.append([], 1, Once("k", b"bad", b""))) is None
    assert asyncio.run(log.append([entry("a")], 1, Once("k", b"mended", b""))) is None
    assert values(path) == [b"a"]


def test_key_is_forgotten_after_a_day(log: EventLog, path: Path) -> None:
    once = Once("k", b"digest", b"answer")
    asyncio.run(log.append([entry("a")], 1, once))
    assert asyncio.run(log.append([entry("a")], DAY_MS, once)) == b"answer"
    assert asyncio.run(log.append([entry("a")], DAY_MS + 2, once)) is None
    asyncio.run(log.append([entry("b")], 3 * DAY_MS, Once("other", b"", b"")))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM once").fetchall() == [("other",)]


def test_full_disk_is_told_and_the_log_recovers(path: Path) -> None:
    log = EventLog(path)
    log.open()
    asyncio.run(log.append([entry("a")], 1))
    log._connection.execute("PRAGMA max_page_count = 1")  # type: ignore[union-attr]
    with pytest.raises(Unavailable, match="full") as failed:
        asyncio.run(log.append([Entry(b"k", b"x" * 1_000_000)], 1))
    assert failed.value.retry_after_seconds > 0
    assert log.failure is not None
    assert log.end == 1
    asyncio.run(log.append([entry("b")], 1))
    assert log.failure is None
    log.close()
    assert values(path) == [b"a", b"b"]


def test_closed_log_takes_nothing(log: EventLog) -> None:
    log.close()
    with pytest.raises(Unavailable):
        asyncio.run(log.append([entry("a")], 1))


def test_reader_stops_at_a_number_of_records_or_bytes(log: EventLog, path: Path) -> None:
    asyncio.run(log.append([entry("x" * 100) for _ in range(10)], 1))
    reader = LogReader(path)
    assert [r.offset for r in reader.read(3, records=2, size=10_000)] == [3, 4]
    assert len(reader.read(0, records=10, size=250)) == 3
    assert reader.read(10, records=10, size=10_000) == []
    reader.close()


def test_log_of_a_newer_release_is_refused(log: EventLog, path: Path) -> None:
    log.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(WrongFile, match="format 99"):
        EventLog(path).open()


def test_second_process_is_kept_off(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "t.db.lock")
    with pytest.raises(FileInUse, match="another"):
        FileLock(tmp_path / "t.db.lock")
    lock.release()
    FileLock(tmp_path / "t.db.lock").release()
