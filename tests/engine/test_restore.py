"""A store is brought up to its changelog, and rebuilt where its tail cannot be trusted."""

import asyncio

import pytest

from pipeline.engine.ports import Changes, Checkpoint, Position, Store
from pipeline.engine.restore import Restored, restore
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from tests.engine.fakes import FakeBroker

DAY_MS = 86_400_000


def bring_up(
    store: Store, broker: FakeBroker, *, now_ms: int = 0, timers: Timers | None = None
) -> Restored:
    timers = timers or Timers(int)
    restored = asyncio.run(
        restore(store, broker, now_ms=now_ms, tombstones_kept_ms=DAY_MS, timers=timers)
    )
    assert timers.dues == {key: int(state) for key, state in store.items()}
    return restored


def commit(broker: FakeBroker, next_offset: int, clock_ms: int = 0, **states: str | None) -> int:
    changes: Changes = {
        key.encode(): None if value is None else value.encode() for key, value in states.items()
    }
    return broker.append([], changes, Position(next_offset, clock_ms))


def test_an_empty_store_reads_the_whole_changelog() -> None:
    broker, store = FakeBroker(), MemoryStore()
    commit(broker, 1, ann="1", bob="1")
    commit(broker, 2, clock_ms=5, ann="2")
    assert bring_up(store, broker) == Restored(5, None)
    assert dict(store.items()) == {b"ann": b"2", b"bob": b"1"}
    # The control record after the last transaction is passed, though never received.
    assert store.checkpoint() == Checkpoint(Position(2, 5), broker.changelog_end, "changelog-1")


def test_an_empty_changelog_leaves_a_store_that_knows_its_id() -> None:
    broker, store = FakeBroker(), MemoryStore()
    bring_up(store, broker)
    assert store.checkpoint() == Checkpoint(Position(), 0, "changelog-1")


def test_a_store_that_stands_reads_only_the_tail() -> None:
    broker, store = FakeBroker(), MemoryStore()
    commit(broker, 1, ann="1", bob="1")
    bring_up(store, broker)
    tail_from = broker.changelog_end
    commit(broker, 2, bob="2")
    assert bring_up(store, broker) == Restored(2, None)
    assert broker.read_from[-1] == tail_from
    assert dict(store.items()) == {b"ann": b"1", b"bob": b"2"}


def test_a_tombstone_erases() -> None:
    broker, store = FakeBroker(), MemoryStore()
    commit(broker, 1, ann="1", bob="1")
    bring_up(store, broker)
    commit(broker, 2, ann=None)
    bring_up(store, broker)
    assert dict(store.items()) == {b"bob": b"1"}
    rebuilt = MemoryStore()
    broker.compact()
    bring_up(rebuilt, broker)
    assert dict(rebuilt.items()) == {b"bob": b"1"}


@pytest.mark.parametrize(
    ("checkpoint", "why"),
    [
        (Checkpoint(Position(9), 90, "changelog-1"), "ahead of its changelog's end"),
        (Checkpoint(Position(9), 1, "changelog-0"), "built from changelog 'changelog-0'"),
    ],
    ids=["ahead of its changelog", "another changelog"],
)
def test_a_store_of_another_history_is_thrown_away(checkpoint: Checkpoint, why: str) -> None:
    broker, store = FakeBroker(), MemoryStore()
    store.apply({b"ghost": b"7", b"ann": b"9"}, checkpoint)
    commit(broker, 1, ann="1")
    restored = bring_up(store, broker)
    assert restored.rebuilt_because is not None
    assert why in restored.rebuilt_because
    assert dict(store.items()) == {b"ann": b"1"}
    assert store.checkpoint().position == Position(1)


def test_a_store_below_the_changelogs_start_does_not_bring_erased_states_back() -> None:
    broker, store = FakeBroker(), MemoryStore()
    commit(broker, 1, ann="1", bob="1")
    bring_up(store, broker)
    commit(broker, 2, ann=None)
    last = commit(broker, 3, bob="2")
    broker.delete_below(last - 2)  # ann's tombstone is gone unread
    restored = bring_up(store, broker)
    assert restored.rebuilt_because is not None
    assert "below its changelog's start" in restored.rebuilt_because
    assert dict(store.items()) == {b"bob": b"2"}


def test_a_store_older_than_tombstones_does_not_bring_erased_states_back() -> None:
    broker, store = FakeBroker(), MemoryStore()
    commit(broker, 1, clock_ms=DAY_MS, ann="1", bob="1")
    bring_up(store, broker, now_ms=DAY_MS)
    commit(broker, 2, clock_ms=DAY_MS + 5, ann=None)
    broker.compact(drop_tombstones=True)  # the log's start stays where it was
    restored = bring_up(store, broker, now_ms=2 * DAY_MS + 1)
    assert restored.rebuilt_because is not None
    assert "erased states could come back" in restored.rebuilt_because
    assert dict(store.items()) == {b"bob": b"1"}


def test_an_old_store_with_nothing_left_to_read_is_kept() -> None:
    broker, store = FakeBroker(), MemoryStore()
    commit(broker, 1, clock_ms=5, ann="1")
    bring_up(store, broker, now_ms=5)
    assert bring_up(store, broker, now_ms=9 * DAY_MS).rebuilt_because is None


def test_a_restore_that_broke_off_goes_on_where_it_stood() -> None:
    class Dying(MemoryStore):
        applied = 0

        def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
            self.applied += 1
            if self.applied == 3:
                raise ConnectionError
            super().apply(changes, checkpoint)

    broker, store = FakeBroker(), Dying()
    for number in range(9):
        broker.append([], {b"customer%d" % number: b"1"}, Position(number + 1))
    with pytest.raises(ConnectionError):
        bring_up(store, broker)
    bring_up(store, broker)
    assert broker.read_from == [0, store_offset_after_batches(broker, 2)]
    assert len(dict(store.items())) == 9
    assert store.checkpoint().position == Position(9)


def store_offset_after_batches(broker: FakeBroker, batches: int) -> int:
    return broker.entries[batches * 3 - 1].offset + 1


def test_timers_go_the_way_of_their_states_whatever_happens_to_those() -> None:
    broker, store, timers = FakeBroker(), MemoryStore(), Timers(int)
    bring_up(store, broker, timers=timers)
    commit(broker, 1, ann="10", bob="20")
    bring_up(store, broker, timers=timers)
    commit(broker, 2, ann=None, cy="30")
    bring_up(store, broker, timers=timers)
    assert timers.dues == {b"bob": 20, b"cy": 30}
    broker.identity_name = "changelog-2"
    broker.entries.clear()
    assert bring_up(store, broker, timers=timers).rebuilt_because is not None
    assert timers.dues == {}
    store.apply({b"dora": b"40"}, Checkpoint(Position(3), 90, "changelog-2"))
    commit(broker, 4, eve="50")
    broker.changelog_end = 99
    bring_up(store, broker, timers=timers)  # the store was written to without them
    assert b"dora" in timers.dues


def test_timers_of_states_that_nobody_can_read_are_not_believed_later() -> None:
    broker, store, timers = FakeBroker(), MemoryStore(), Timers(int)
    commit(broker, 1, ann="10")
    bring_up(store, broker, timers=timers)
    commit(broker, 2, bob="20", cy="no time")
    with pytest.raises(ValueError, match="no time"):
        bring_up(store, broker, timers=timers)
    commit(broker, 3, cy="30")
    with pytest.raises(ValueError, match="no time"):
        bring_up(store, broker, timers=timers)
    store.apply({b"cy": b"30"}, store.checkpoint())
    bring_up(store, broker, timers=timers)
    assert timers.dues == {b"ann": 10, b"bob": 20, b"cy": 30}


def test_without_a_changelog_there_is_nothing_to_do() -> None:
    store = MemoryStore()
    store.apply({b"ann": b"1"}, Checkpoint(Position(4)))
    timers = Timers(int)
    restored = asyncio.run(restore(store, None, now_ms=0, tombstones_kept_ms=1, timers=timers))
    assert restored == Restored(0, None)
    assert timers.dues == {b"ann": 1}
    assert store.checkpoint().position == Position(4)
