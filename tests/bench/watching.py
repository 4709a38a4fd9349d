"""Watches from outside what a read-committed reader could see, and what it cost.

Nothing is read while a contender works: the last stable offsets of a topic are asked for, which
costs a request, so that the watcher does not take the processor from what it watches.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from kafka import KafkaConsumer, TopicPartition

from pipeline.adapters.kafka.settings import KafkaSettings
from tests.bench.events import SOURCE

POLL_SECONDS: Final = 0.05
QUIET_SECONDS: Final = 3.0
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """``offset`` is the sum of the last stable offsets; CPU seconds of contender and broker."""

    at_s: float
    offset: int
    cpu_s: float
    broker_cpu_s: float


class Rate(NamedTuple):
    """Between a tenth and nine tenths of all events: all partitions at work, the start over.

    ``whole_per_second`` is from the first visible output to the last. CPU is in microseconds an
    event.
    """

    per_second: float
    whole_per_second: float
    cpu_us: float
    broker_cpu_us: float


class Seen(NamedTuple):
    """Distinct events in the read-committed output, and how many came twice."""

    events: int
    doubled: int


class Watcher:
    """Looks at the output that every processed event has exactly one of."""

    def __init__(self, settings: KafkaSettings, topic: str, *, pid: int, broker_pid: int) -> None:
        self._consumer: Any = KafkaConsumer(
            **settings.kafka_python_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_poll_records=5_000,
        )
        self._tps = [TopicPartition(settings.topic(topic), p) for p in range(settings.partitions)]
        self._pid = pid
        self._broker_pid = broker_pid

    def close(self) -> None:
        self._consumer.close()

    def sample(self) -> Sample:
        """What is visible now."""
        ends = self._consumer.end_offsets(self._tps)
        cpu_s, broker_cpu_s = cpu_seconds(self._pid), cpu_seconds(self._broker_pid)
        return Sample(time.monotonic(), sum(ends.values()), cpu_s, broker_cpu_s)

    def watch(
        self, events: int, *, limit_seconds: float, alive: Callable[[], bool]
    ) -> list[Sample]:
        """Wait until ``events`` outputs are visible and no more come; returns each change.

        Raises ``TimeoutError`` and, if the contender ends before, ``RuntimeError``.
        """
        samples = [self.sample()]
        deadline = time.monotonic() + limit_seconds
        changed_at = time.monotonic()
        while samples[-1].offset < events or time.monotonic() - changed_at < QUIET_SECONDS:
            if not alive():
                raise RuntimeError(f"the contender ended with {samples[-1].offset} outputs visible")
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{samples[-1].offset} of {events} outputs visible after {limit_seconds:g} s"
                )
            time.sleep(POLL_SECONDS)
            sample = self.sample()
            if sample.offset != samples[-1].offset:
                changed_at = time.monotonic()
                samples.append(sample)
        return samples

    def count(self) -> Seen:
        """Read the whole output: every event once?"""
        consumer = self._consumer
        consumer.assign(self._tps)
        consumer.seek_to_beginning(*self._tps)
        ends = consumer.end_offsets(self._tps)
        decoder = msgspec.json.Decoder(_Contribution)
        seen: set[str] = set()
        records = 0
        while any(consumer.position(tp) < ends[tp] for tp in self._tps):
            for part in consumer.poll(timeout_ms=200).values():
                felt = [decoder.decode(record.value) for record in part]
                sent = [each.event for each in felt if each.source == SOURCE]
                records += len(sent)  # without the patterns, which the pipeline itself adds
                seen.update(sent)
        return Seen(len(seen), records - len(seen))


class _Contribution(msgspec.Struct):
    event: str
    source: str


def rate_of(samples: Sequence[Sample], events: int) -> Rate:
    """What ``watch`` saw, as a rate. Raises ``RuntimeError`` if there were too few events."""
    first = next(s for s in samples if s.offset >= events * 0.1)
    last = next(s for s in samples if s.offset >= events * 0.9)
    if first is last:
        raise RuntimeError("everything became visible at once: give it more events")
    count = last.offset - first.offset
    whole = [sample for sample in samples if sample.offset > 0]
    span_s = whole[-1].at_s - whole[0].at_s
    return Rate(
        per_second=count / (last.at_s - first.at_s),
        whole_per_second=(whole[-1].offset - whole[0].offset) / span_s,
        cpu_us=1e6 * (last.cpu_s - first.cpu_s) / count,
        broker_cpu_us=1e6 * (last.broker_cpu_s - first.broker_cpu_s) / count,
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far; 0 if the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
