"""Reads what a running system left behind: topics with committed records only, and tables."""

from collections import Counter, defaultdict
from types import TracebackType
from typing import Any, Self

import msgspec
import psycopg
from kafka import KafkaConsumer, TopicPartition

from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.engine.codec import POSITION_CODEC
from pipeline.engine.ports import POSITION_KEY, LogRecord, Position
from schemas.perception import Score
from schemas.topics import OUTPUTS
from tests.chaos.oracle import Outcome, Rows

STAGE = "perceive"
_FETCH_BYTES = 16 * 1024 * 1024


class TopicReader:
    """Reads one topic from its beginning; ``read`` adds what was committed since."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        """``topic`` is the name on the wire."""
        self._consumer: Any = KafkaConsumer(
            **settings.kafka_python_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        self._partitions = [TopicPartition(topic, p) for p in range(settings.partitions)]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)
        self.records: dict[int, list[LogRecord]] = {p: [] for p in range(settings.partitions)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def read(self) -> dict[int, list[LogRecord]]:
        """Everything from the beginning to the present end, by partition."""
        ends = self._consumer.end_offsets(self._partitions)
        while any(self._consumer.position(tp) < ends[tp] for tp in self._partitions):
            for tp, records in self._consumer.poll(timeout_ms=200).items():
                self.records[tp.partition].extend(
                    LogRecord(r.offset, r.key, r.value, r.timestamp, tuple(r.headers))
                    for r in records
                )
        return self.records

    def ends(self) -> dict[int, int]:
        """The offset after the last record of each partition."""
        ends = self._consumer.end_offsets(self._partitions)
        return {tp.partition: int(ends[tp]) for tp in self._partitions}


class PositionReader:
    """Follows the positions in the state changelog."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._reader = TopicReader(settings, settings.changelog_topic(STAGE))
        self._seen: dict[int, int] = defaultdict(int)
        self._positions: dict[int, Position] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def positions(self) -> dict[int, Position]:
        """The latest committed position of each partition that has one."""
        for partition, records in self._reader.read().items():
            for record in records[self._seen[partition] :]:
                if record.key == POSITION_KEY and record.value is not None:
                    self._positions[partition] = POSITION_CODEC.decode(record.value)
            self._seen[partition] = len(records)
        return self._positions

    def reached(self, ends: dict[int, int]) -> bool:
        """Whether every partition was worked through to its offset in ``ends``, timers too."""
        known = self.positions()
        positions = {partition: known.get(partition, Position()) for partition in ends}
        return all(p.next_offset >= ends[n] and p.fired is None for n, p in positions.items())


def source_log(settings: KafkaSettings) -> dict[int, list[LogRecord]]:
    """Every record of the source topic, by partition, in order."""
    with TopicReader(settings, settings.topic(settings.source_topic)) as reader:
        return reader.read()


def read_outcome(settings: KafkaSettings) -> tuple[Outcome, dict[tuple[str, int], int]]:
    """What the system wrote, and the offset after the last record of each topic and partition."""
    outcome = Outcome()
    ends: dict[tuple[str, int], int] = {}
    for topic in OUTPUTS:
        with TopicReader(settings, settings.topic(topic)) as reader:
            for partition, records in reader.read().items():
                if records:
                    ends[topic, partition] = records[-1].offset + 1
                for record in records:
                    outcome.put(topic, record.key, record.value)
    with TopicReader(settings, settings.changelog_topic(STAGE)) as reader:
        for partition, records in reader.read().items():
            for record in records:
                _replay(outcome, partition, record)
    return outcome, ends


def _replay(outcome: Outcome, partition: int, record: LogRecord) -> None:
    key, value = record.key or b"", record.value
    if key == POSITION_KEY:
        outcome.positions[partition] = POSITION_CODEC.decode(value or b"")
    elif value is None:
        outcome.states.pop(key, None)
    else:
        outcome.states[key] = value


_NESTED = ("behaviour", "stage", "policy", "outlooks", "dimensions", "parts")
_PLAIN = tuple(name for name in Score.__struct_fields__ if name not in _NESTED)
_SCORE_ROWS = (
    f"SELECT {', '.join(_PLAIN)}, behaviour, behaviour_signs::text, stage, stage_signs::text,"  # noqa: S608 - names of ours
    " policy_name, policy_version, policy_digest, outlooks::text, dimensions::text,"
    " parts::text FROM scores"
)


def score_rows(outcome: Outcome) -> dict[str, tuple[object, ...]]:
    """The row of each customer's last score, as ``read_rows`` finds it."""
    rows = (_score_row(value) for value in outcome.scores.values())
    return {str(row[0]): row[1:] for row in rows}


def _score_row(value: bytes) -> tuple[object, ...]:
    s = msgspec.json.decode(value, type=Score)
    behaviour: tuple[str | None, str | None] = (None, None)
    if s.behaviour is not None:
        behaviour = (s.behaviour.name, _text(s.behaviour.signs))
    kinds = (*behaviour, s.stage.name, _text(s.stage.signs))
    policy = (s.policy.name, s.policy.version, s.policy.digest)
    plain = (getattr(s, name) for name in _PLAIN)
    return (*plain, *kinds, *policy, *map(_text, (s.outlooks, s.dimensions, s.parts)))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def read_rows(url: str) -> Rows:
    """Every row of the sink's tables in the database of this libpq URL."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")

        def rows(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        def latest(query: str) -> dict[str, tuple[object, ...]]:
            return {row[0]: row[1:] for row in rows(query)}

        return Rows(
            contributions=Counter(
                (s, e) for s, e in rows("SELECT source, event FROM contributions")
            ),
            actions=Counter(i for (i,) in rows("SELECT id FROM actions")),
            decisions=Counter((i, o) for i, o in rows("SELECT id, outcome FROM decisions")),
            outlooks=Counter(i for (i,) in rows("SELECT id FROM outlook_checks")),
            campaigns=Counter(i for (i,) in rows("SELECT id FROM campaign_reports")),
            dead_letters=Counter(
                (t, p, o, r)
                for t, p, o, r in rows(
                    'SELECT topic, "partition", "offset", reason FROM dead_letters'
                )
            ),
            scores=latest(_SCORE_ROWS),
            cases=latest("SELECT id, customer, status, level, as_of FROM cases"),
            consents=latest("SELECT customer, denied, alerts, as_of FROM consents"),
            rejects=rows("SELECT count(*) FROM sink_rejects")[0][0],
        )


def sink_positions(url: str, prefix: str) -> dict[tuple[str, int], int]:
    """How far the sink has written each topic (logical name) and partition."""
    with psycopg.connect(url) as connection:
        found = connection.execute(b'SELECT topic, "partition", next_offset FROM position')
        return {(t.removeprefix(prefix), p): n for t, p, n in found.fetchall()}
