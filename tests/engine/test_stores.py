"""What every store must do, and what RocksDB does when its process or its disk fails."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.engine.errors import StoreCorrupt, StoreFailed
from pipeline.engine.ports import Checkpoint, Position, Store
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.stores.rocksdb import RocksStore

CHECKPOINT = Checkpoint(Position(7, 9), 11, "id")


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "a" / "b")
    yield made
    made.close()


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.checkpoint() == Checkpoint()
    assert store.get_many([b"ann"]) == [None]
    assert list(store.items()) == []


def test_states_come_back_in_the_order_asked_for(store: Store) -> None:
    store.apply({b"ann": b"1", b"bob": b"2"}, CHECKPOINT)
    assert store.get_many([b"bob", b"cy", b"ann", b"bob"]) == [b"2", None, b"1", b"2"]
    assert store.get_many([]) == []
    assert store.checkpoint() == CHECKPOINT


def test_a_tombstone_erases_and_an_unknown_one_does_no_harm(store: Store) -> None:
    store.apply({b"ann": b"1", b"bob": b"2"}, CHECKPOINT)
    store.apply({b"ann": None, b"cy": None}, CHECKPOINT)
    assert list(store.items()) == [(b"bob", b"2")]


def test_an_empty_state_is_a_state(store: Store) -> None:
    store.apply({b"ann": b""}, CHECKPOINT)
    assert store.get_many([b"ann"]) == [b""]


def test_the_checkpoint_is_no_state(store: Store) -> None:
    store.apply({b"\x01": b"1", "王".encode(): b"2"}, CHECKPOINT)
    assert dict(store.items()) == {b"\x01": b"1", "王".encode(): b"2"}


def test_clearing_forgets_the_checkpoint_too(store: Store) -> None:
    store.apply({b"ann": b"1"}, CHECKPOINT)
    store.clear()
    assert store.checkpoint() == Checkpoint()
    assert list(store.items()) == []
    store.apply({b"bob": b"2"}, CHECKPOINT)
    assert list(store.items()) == [(b"bob", b"2")]


def test_closing_twice_does_no_harm(store: Store) -> None:
    store.close()
    store.close()


def test_rocksdb_keeps_states_and_checkpoint_when_closed(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "db")
    store.apply({b"ann": b"1"}, CHECKPOINT)
    store.close()
    store = RocksStore(tmp_path / "db")
    assert store.checkpoint() == CHECKPOINT
    assert list(store.items()) == [(b"ann", b"1")]
    store.close()


WRITER = """
import sys
from pathlib import Path
from pipeline.engine.ports import Checkpoint, Position
from pipeline.engine.stores.rocksdb import RocksStore
store = RocksStore(Path(sys.argv[1]))
for number in range(1, 1_000_000):
    changes = {b"k%d" % (number % 50): b"%d " % number * 300, b"last": b"%d" % number}
    store.apply(changes, Checkpoint(Position(number), number, "id"))
    print(number, flush=True)
"""


def test_rocksdb_killed_while_it_writes_keeps_whole_batches(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "db")], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    told = 0
    for line in writer.stdout:
        told = int(line)
        if told == 500:
            writer.send_signal(signal.SIGKILL)
            break
    writer.communicate(timeout=20)
    store = RocksStore(tmp_path / "db")
    number = store.checkpoint().changelog_offset
    assert number >= told  # the write-ahead log outlives the process
    last, changed = store.get_many([b"last", b"k%d" % (number % 50)])
    assert last == b"%d" % number
    assert changed == b"%d " % number * 300
    store.close()


FILLER = """
import resource, sys
from pathlib import Path
from pipeline.engine.errors import StoreCorrupt, StoreFailed
from pipeline.engine.ports import Checkpoint, Position
from pipeline.engine.stores.rocksdb import RocksStore
store = RocksStore(Path(sys.argv[1]))
store.apply({b"ann": b"1"}, Checkpoint(Position(1), 1, "id"))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for number in range(2, 10_000):
        store.apply({b"k": bytes(10_000)}, Checkpoint(Position(number), number, "id"))
except StoreFailed as error:
    print(type(error) is StoreFailed, error.retry_after_seconds > 0)
store.close()
"""


def test_rocksdb_on_a_full_disk_fails_typed_and_keeps_what_it_has(tmp_path: Path) -> None:
    # A limit on the size of files stands in for the full disk: both fail the write.
    command = [sys.executable, "-c", FILLER, str(tmp_path / "db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "True"]
    store = RocksStore(tmp_path / "db", on_cleared=pytest.fail)
    assert store.get_many([b"ann"]) == [b"1"]
    store.close()


def test_rocksdb_still_held_by_its_last_owner_is_not_cleared(tmp_path: Path) -> None:
    owner = RocksStore(tmp_path / "block checksum")
    owner.apply({b"ann": b"1"}, CHECKPOINT)
    with pytest.raises(StoreFailed, match="lock") as raised:
        RocksStore(tmp_path / "block checksum", on_cleared=pytest.fail)
    assert not isinstance(raised.value, StoreCorrupt)
    assert owner.get_many([b"ann"]) == [b"1"]
    owner.close()
    with pytest.raises(StoreFailed, match="closed"):
        owner.get_many([b"ann"])


def _damage(name: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        for path in directory.glob(name):
            path.write_bytes(b"\xde\xad" * 500)

    return damage


def _remove(name: str) -> Callable[[Path], None]:
    def remove(directory: Path) -> None:
        for path in directory.glob(name):
            path.unlink()

    return remove


@pytest.mark.parametrize(
    "break_it",
    [_damage("CURRENT"), _damage("MANIFEST-*"), _remove("MANIFEST-*"), _remove("CURRENT")],
    ids=["bad CURRENT", "bad MANIFEST", "no MANIFEST", "no CURRENT"],
)
def test_rocksdb_that_cannot_be_read_is_cleared_once_and_says_so(
    tmp_path: Path, break_it: Callable[[Path], None]
) -> None:
    store = RocksStore(tmp_path / "db")
    store.apply({b"ann": b"1"}, CHECKPOINT)
    store.close()
    break_it(tmp_path / "db")
    told: list[str] = []
    store = RocksStore(tmp_path / "db", on_cleared=told.append)
    assert len(told) == 1
    assert "to be rebuilt" in told[0]
    assert store.checkpoint() == Checkpoint()
    store.apply({b"ann": b"1"}, CHECKPOINT)
    store.close()


def test_damage_that_shows_when_reading_is_not_mistaken_for_an_end(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "db")
    states = {b"k%05d" % number: b"%d" % number * 400 for number in range(20_000)}
    store.apply(states, CHECKPOINT)
    store._opened().flush()  # into a table file
    store.close()
    (table,) = (tmp_path / "db").glob("*.sst")
    with table.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xde\xad" * 50_000)
    store = RocksStore(tmp_path / "db", on_cleared=pytest.fail)
    with pytest.raises(StoreCorrupt):
        dict(store.items())
    with pytest.raises(StoreCorrupt):
        store.get_many(list(states))
    store.clear()
    assert store.get_many([b"k00001"]) == [None]
    store.close()


def test_rocksdb_in_a_place_that_is_no_directory_fails_typed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreFailed):
        RocksStore(tmp_path / "file" / "db")
