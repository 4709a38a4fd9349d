"""The loop between a consumer and a sink: where it reads from, what it retries, what ends it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Event
from typing import NamedTuple

import pytest
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    LogTruncationError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

from schemas.topics import CONTRIBUTIONS
from sinks.kafka_source import Partition, PlacingListener, SourceRecord
from sinks.memory import MemorySink
from sinks.port import SinkBusy, SinkGap, SinkRecord, Written
from sinks.runner import RunnerSettings, SinkLoop, run_sink
from tests.contract import outbound_samples as samples


class At(NamedTuple):
    """A topic's partition."""

    topic: str
    partition: int


class FakeConsumer:
    """A log of each partition, and a consumer of it that does as kafka-python's does."""

    def __init__(self, stop: Event, *, batch: int = 3) -> None:
        self.logs: dict[Partition, list[SinkRecord]] = {}
        self.first: dict[Partition, int] = {}
        self.assigned: set[Partition] = set()
        self.committed: dict[Partition, int] = {}
        self.at: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.errors: list[KafkaError] = []
        self.before_poll: Callable[[], None] = lambda: None
        self.batch = batch
        self._stop = stop

    def add(self, partition: Partition, count: int) -> None:
        """Have a log of ``count`` contributions, offsets from 0."""
        self.logs[partition] = [
            SinkRecord(n, *samples.message(CONTRIBUTIONS, "c1", n)) for n in range(count)
        ]
        self.first[partition] = 0

    def poll(self, timeout_ms: int) -> Mapping[Partition, Sequence[SourceRecord]]:
        self.before_poll()
        if self.errors:
            raise self.errors.pop(0)
        found = {}
        for each in self.assigned - self.paused:
            records = [r for r in self.logs[each] if r.offset >= self.at[each]][: self.batch]
            if records:
                found[each] = records
                self.at[each] = records[-1].offset + 1
        if not found and not (self.assigned & self.paused):
            self._stop.set()  # all read
        return found

    def assignment(self) -> Collection[Partition]:
        return set(self.assigned)

    def beginning_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        return {each: self.first[each] for each in partitions}

    def end_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        return {each: len(self.logs[each]) for each in partitions}

    def pause(self, *partitions: Partition) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: Partition) -> None:
        self.paused -= set(partitions)

    def seek(self, partition: Partition, offset: int) -> None:
        if partition not in self.assigned:
            raise ValueError("Unassigned partition")
        self.at[partition] = offset

    def commit_async(self, offsets: Mapping[Partition, object]) -> object:
        return None


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.retried: list[str] = []
        self.fenced_at: list[int] = []
        self.placed_at: list[int] = []
        self.records = 0

    def placed(self, topic: str, partition: int, offset: int) -> None:
        self.placed_at.append(offset)

    def written(
        self, topic: str, partition: int, *, records: int, rejected: int, seconds: float
    ) -> None:
        self.records += records

    def fenced(self, topic: str, partition: int) -> None:
        self.fenced_at.append(partition)

    def retrying(self, what: str, error: BaseException, *, wait_seconds: float) -> None:
        self.retried.append(type(error).__name__)


class MoodySink(MemorySink):
    """Fails as told: before the write, or after it, when only the answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Exception] = []
        self.after: list[Exception] = []

    def position(self, topic: str, partition: int) -> int | None:
        self._fail(self.before)
        return super().position(topic, partition)

    def write(
        self,
        topic: str,
        partition: int,
        records: Sequence[SinkRecord],
        *,
        position: int | None,
        next_offset: int,
    ) -> Written:
        self._fail(self.before)
        written = super().write(
            topic, partition, records, position=position, next_offset=next_offset
        )
        self._fail(self.after)
        return written

    def _fail(self, errors: list[Exception]) -> None:
        if errors:
            raise errors.pop(0)


class Scene:
    """A loop with everything around it."""

    def __init__(self, count: int = 10) -> None:
        self.stop = Event()
        self.consumer = FakeConsumer(self.stop)
        self.sink = MoodySink()
        self.told = Told()
        self.one: Partition = At(CONTRIBUTIONS, 0)
        self.consumer.add(self.one, count)
        self.loop = SinkLoop(
            self.consumer,
            self.sink,
            stop=self.stop,
            observer=self.told,
            settings=RunnerSettings(first_backoff_seconds=0.0, max_backoff_seconds=0.0),
        )
        self.listener = PlacingListener(self.consumer, self.loop.moved.extend)
        self.assign(self.one)

    def assign(self, *partitions: Partition) -> None:
        """What the group coordinator does."""
        self.consumer.assigned |= set(partitions)
        self.listener.on_partitions_assigned(partitions)

    def events(self) -> list[str]:
        """The events whose contributions the sink holds."""
        return [each.event for each in self.sink.contributions]


def busy() -> SinkBusy:
    """A failure that a retry mends."""
    return SinkBusy("away", retry_after_seconds=0.0)


def all_events(count: int) -> list[str]:
    """Each event once, in order."""
    return [f"e{n}" for n in range(count)]


def test_an_empty_sink_reads_from_the_beginning_of_the_log() -> None:
    scene = Scene()
    scene.consumer.first[scene.one] = 4
    scene.loop.run()
    assert scene.events() == all_events(10)[4:]
    assert scene.sink.position(CONTRIBUTIONS, 0) == 10
    assert scene.told.records == 6


def test_the_position_of_the_sink_decides_and_not_the_consumers() -> None:
    scene = Scene()
    log = scene.consumer.logs[scene.one]
    scene.sink.write(CONTRIBUTIONS, 0, log[:5], position=None, next_offset=5)
    scene.consumer.at[scene.one] = 9  # as a group offset would have it
    scene.loop.run()
    assert scene.events() == all_events(10)


def test_a_busy_sink_is_tried_again_and_loses_nothing() -> None:
    scene = Scene()
    scene.sink.before = [busy() for _ in range(7)]
    scene.loop.run()
    assert scene.events() == all_events(10)
    assert scene.told.retried == ["SinkBusy"] * 7


def test_a_lost_answer_doubles_nothing() -> None:
    scene = Scene()
    scene.sink.after = [busy(), busy()]
    scene.loop.run()
    assert scene.events() == all_events(10)
    assert scene.told.fenced_at == [0, 0]


def test_another_writer_in_between_is_noticed() -> None:
    scene, log = Scene(), Scene().consumer.logs[At(CONTRIBUTIONS, 0)]

    def interfere() -> None:
        if scene.sink.position(CONTRIBUTIONS, 0) == 3:
            scene.sink.write(CONTRIBUTIONS, 0, log[3:7], position=3, next_offset=7)

    scene.consumer.before_poll = interfere
    scene.loop.run()
    assert scene.events() == all_events(10)
    assert scene.told.placed_at == [0, 7]


def test_a_rebalance_at_any_poll_loses_and_doubles_nothing() -> None:
    for moment in range(6):
        scene, polls = Scene(), [0]

        def rebalance(scene: Scene = scene, at: int = moment, polls: list[int] = polls) -> None:
            if polls[0] == at:
                scene.listener.on_partitions_revoked([scene.one])
                scene.assign(scene.one)
                # The consumer forgets it is to wait, and starts at an offset of the group's.
                scene.consumer.resume(scene.one)
                scene.consumer.at[scene.one] = 8
            polls[0] += 1

        scene.consumer.before_poll = rebalance
        scene.loop.run()
        assert scene.events() == all_events(10)


def test_a_partition_taken_away_while_it_is_placed_is_left_alone() -> None:
    scene = Scene()
    other: Partition = At(CONTRIBUTIONS, 1)
    scene.consumer.add(other, 4)
    scene.assign(other)
    ends = scene.consumer.end_offsets

    def take_away(partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        scene.consumer.assigned.discard(other)
        return ends(partitions)

    scene.consumer.end_offsets = take_away  # type: ignore[method-assign]
    scene.loop.run()
    assert scene.events() == all_events(10)
    assert scene.sink.position(CONTRIBUTIONS, 1) is None


def test_retention_that_passed_the_position_is_a_gap_that_says_what_to_do() -> None:
    scene = Scene()
    scene.sink.write(CONTRIBUTIONS, 0, [], position=None, next_offset=2)
    scene.consumer.first[scene.one] = 5
    with pytest.raises(SinkGap, match=r"at offset 2.*begins at 5.*up to 3 records.*position to 5"):
        scene.loop.run()
    assert scene.events() == []


def test_retention_that_passes_while_running_is_a_gap() -> None:
    scene = Scene()
    scene.consumer.errors = [OffsetOutOfRangeError()]
    scene.sink.write(CONTRIBUTIONS, 0, [], position=None, next_offset=2)

    def delete() -> None:
        scene.consumer.first[scene.one] = 5

    scene.consumer.before_poll = delete
    with pytest.raises(SinkGap, match="retention"):
        scene.loop.run()


def test_a_log_shorter_than_the_position_is_a_gap() -> None:
    scene = Scene()
    scene.sink.write(CONTRIBUTIONS, 0, [], position=None, next_offset=11)
    with pytest.raises(SinkGap, match="made anew"):
        scene.loop.run()


def test_a_log_that_was_cut_is_a_gap() -> None:
    scene = Scene()
    scene.consumer.errors = [LogTruncationError({})]
    with pytest.raises(SinkGap, match="was cut"):
        scene.loop.run()


def test_a_broker_away_is_waited_for() -> None:
    scene = Scene()
    scene.consumer.errors = [KafkaTimeoutError(), KafkaTimeoutError()]
    scene.loop.run()
    assert scene.events() == all_events(10)
    assert scene.told.retried == ["KafkaTimeoutError"] * 2


def test_what_no_retry_mends_is_raised() -> None:
    scene = Scene()
    scene.consumer.errors = [TopicAuthorizationFailedError()]
    with pytest.raises(TopicAuthorizationFailedError):
        scene.loop.run()


def test_a_stop_ends_the_retries_of_a_sink_that_stays_away() -> None:
    scene = Scene()
    scene.sink.before = [busy() for _ in range(1_000)]

    class Stopping(Told):
        def retrying(self, what: str, error: BaseException, *, wait_seconds: float) -> None:
            super().retrying(what, error, wait_seconds=wait_seconds)
            if len(self.retried) == 5:
                scene.stop.set()

    told = Stopping()
    settings = RunnerSettings(first_backoff_seconds=0.0, max_backoff_seconds=0.0)
    SinkLoop(scene.consumer, scene.sink, stop=scene.stop, observer=told, settings=settings).run()
    assert len(told.retried) == 5
    assert scene.events() == []


def test_a_topic_without_a_place_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match=r"no place for \['nonsense'\]; known: .*care\.action"):
        run_sink(
            MemorySink(),
            bootstrap_servers="127.0.0.1:1",
            group_id="g",
            stop=Event(),
            topics=["nonsense"],
        )
