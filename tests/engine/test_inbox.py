"""Chunks are merged, bounded, and held to follow on from each other."""

import asyncio

import pytest

from pipeline.engine.chunk import Chunk
from pipeline.engine.errors import Gap
from pipeline.engine.inbox import Inbox
from tests.engine.fakes import PARTITION, FakeLog, call


def make(log: FakeLog | None = None, *, max_records: int = 10, high: int = 8) -> Inbox:
    return Inbox(
        log or FakeLog(),
        partition=PARTITION,
        max_records=max_records,
        high_water=high,
        low_water=2,
    )


def chunk(first: int, end: int, fetched_from: int | None = None, to: int | None = None) -> Chunk:
    return Chunk([call(offset) for offset in range(first, end)], fetched_from, to)


def take(inbox: Inbox) -> Chunk:
    return asyncio.run(inbox.take())


def offsets(taken: Chunk) -> list[int]:
    return [record.offset for record in taken.records]


def test_chunks_that_queued_up_are_merged() -> None:
    inbox = make()
    for each in (chunk(0, 2, 0, 3), chunk(4, 6, 3, 6), chunk(6, 7)):
        inbox.put(each)
    taken = take(inbox)
    assert offsets(taken) == [0, 1, 4, 5, 6]
    assert (taken.begins_at, taken.ends_at) == (0, 7)


def test_no_more_is_merged_than_one_commit_takes() -> None:
    inbox = make(max_records=5, high=100)
    for first in range(0, 12, 3):
        inbox.put(chunk(first, first + 3))
    assert [len(take(inbox).records) for _ in range(4)] == [3, 3, 3, 3]
    inbox.put(chunk(12, 24))
    parts = [take(inbox) for _ in range(3)]
    assert [len(part.records) for part in parts] == [5, 5, 2]
    assert [(part.begins_at, part.ends_at) for part in parts] == [(12, 17), (17, 22), (22, 24)]


def test_a_full_inbox_pauses_its_partition_and_resumes_at_low_water() -> None:
    log = FakeLog()
    inbox = make(log, max_records=4, high=8)
    inbox.put(chunk(0, 4))
    assert not log.paused
    inbox.put(chunk(4, 8))
    inbox.put(chunk(8, 12))  # what was under way still comes in
    assert (log.paused, log.pauses, inbox.queued_records) == (True, 1, 12)
    take(inbox)
    take(inbox)
    assert log.paused
    take(inbox)
    assert not log.paused


def test_records_that_come_twice_are_cut_off() -> None:
    inbox = make()
    inbox.put(chunk(0, 4))
    inbox.put(chunk(2, 6))
    inbox.put(chunk(1, 3))
    assert offsets(take(inbox)) == [0, 1, 2, 3, 4, 5]


def test_control_records_between_chunks_are_no_gap() -> None:
    inbox = make()
    inbox.put(chunk(0, 2, 0, 3))
    inbox.put(Chunk([], 3, 5))
    inbox.put(chunk(5, 6, 5, 7))
    taken = take(inbox)
    assert offsets(taken) == [0, 1, 5]
    inbox.put(Chunk([], 7, 9))
    inbox.put(chunk(9, 10, 9, 11))
    assert take(inbox).begins_at == 7  # so a lane that stands at 7 sees no gap


@pytest.mark.parametrize("fetched_from", [None, 4], ids=["reader cannot say", "reader says"])
def test_a_gap_shows_after_what_came_before_it(fetched_from: int | None) -> None:
    inbox = make()
    inbox.put(chunk(0, 2))
    inbox.put(chunk(4, 6, fetched_from))
    inbox.put(chunk(2, 4))  # too late: the order is broken
    assert offsets(take(inbox)) == [0, 1]
    with pytest.raises(Gap, match="offset 2 to 3 are missing"):
        take(inbox)
    assert not inbox.continues(2)
    inbox.restart(2)
    inbox.put(chunk(2, 6))
    assert offsets(take(inbox)) == [2, 3, 4, 5]


def test_what_is_given_back_comes_first_and_alone() -> None:
    inbox = make()
    inbox.put(chunk(0, 4))
    inbox.put(chunk(4, 5))
    taken = take(inbox)
    inbox.put(chunk(5, 6))
    inbox.give_back(*taken.split(2))
    assert [offsets(take(inbox)) for _ in range(3)] == [[0, 1], [2, 3, 4], [5]]


def test_it_knows_which_positions_it_goes_on_from() -> None:
    inbox = make()
    assert not inbox.continues(0)  # nothing came yet: its reader has to be told
    inbox.put(chunk(10, 14))
    assert [inbox.continues(offset) for offset in (9, 10, 12, 14, 15)] == [0, 1, 1, 1, 0]
    taken = take(inbox)
    assert [inbox.continues(offset) for offset in (10, 13, 14)] == [0, 0, 1]
    inbox.give_back(taken)
    assert inbox.continues(10)


def test_starting_anew_resumes_a_paused_partition() -> None:
    log = FakeLog()
    inbox = make(log)
    inbox.put(chunk(0, 9))
    assert log.paused
    inbox.restart(0)
    assert not log.paused
    assert inbox.queued_records == 0
