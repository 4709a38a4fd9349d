"""What must come out of a log of touches: the pure core, run over it record by record.

The oracle takes the source log as Kafka kept it and knows nothing of chunks, transactions and
restarts. States, last scores and every other output of the running system must equal its own,
byte for byte and in number.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from pipeline.bootstrap.common import read_policy
from pipeline.config import program_version
from pipeline.engine.ports import Due, Position, Read, Record, Stage, Stepped, Tick, Timer
from pipeline.stages.perceive import PerceiveStage
from schemas.care import CampaignReport, CareAction, CareCase, CareDecision, Consent
from schemas.dead_letter import DeadLetter
from schemas.outlook import OutlookCheck
from schemas.perception import Contribution
from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    SCORES,
)

T = TypeVar("T")

EXAMPLES_SHOWN = 5

_LETTERS = (DEAD_LETTERS, PROPOSAL_DEAD_LETTERS, ACTION_DEAD_LETTERS)
_PATTERN = "touchpoint.pattern.noticed.v1"
_CASE = msgspec.json.Decoder(CareCase)
_CONSENT = msgspec.json.Decoder(Consent)

Pair = tuple[bytes | None, bytes | None]
"""Key and value of a record."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a log came to. ``outputs`` counts the records of every topic but the scores'.

    How many scores are written depends on how records met in chunks; the last one of a customer
    does not. ``states`` and ``scores`` are by customer, ``positions`` by partition. ``latest`` are
    the last records of cases and consents, by topic and what they are of: they are counted, too.
    """

    states: dict[bytes, bytes] = field(default_factory=dict)
    scores: dict[bytes, bytes] = field(default_factory=dict)
    outputs: dict[str, Counter[Pair]] = field(default_factory=dict)
    latest: dict[tuple[str, str], bytes] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)

    def put(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Add a record that was written after all others of its key."""
        if topic == SCORES and key is not None and value is not None:
            self.scores[key] = value
            return
        self.outputs.setdefault(topic, Counter())[key, value] += 1
        if topic == CASES and value is not None:
            self.latest[topic, _CASE.decode(value).id] = value
        elif topic == CONSENTS and value is not None:
            self.latest[topic, _CONSENT.decode(value).customer] = value

    def count(self, topic: str) -> int:
        """Records of ``topic``, each as often as it is there."""
        return self.outputs.get(topic, Counter()).total()


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What became of the records read: ``processed`` leaves out the ticks."""

    read: int
    ticks: int
    duplicates: int


def make_stage() -> Stage:
    """The stage of a worker under the policy shipped."""
    return PerceiveStage(read_policy(None), version=program_version())


class Oracle:
    """Steps records one at a time through ``stage``; each partition in its own order."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._outcome = Outcome()
        self._dues: dict[int, dict[bytes, int]] = {}
        self._read = 0
        self._ticks = 0
        self._duplicates = 0

    def feed(self, partition: int, records: Iterable[Record], *, until: int) -> None:
        """Take the records of ``partition`` below the offset ``until``."""
        clock_ms = 0
        for record in records:
            if record.offset >= until:
                break
            self._read += 1
            told_ms = self._take(partition, record, clock_ms)
            if told_ms is not None:
                clock_ms = max(clock_ms, told_ms)
                self._fire(partition, clock_ms)
        self._outcome.positions[partition] = Position(until, clock_ms)

    @property
    def outcome(self) -> Outcome:
        return self._outcome

    @property
    def accounts(self) -> Accounts:
        return Accounts(read=self._read, ticks=self._ticks, duplicates=self._duplicates)

    def _take(self, partition: int, record: Record, clock_ms: int) -> int | None:
        """Step one record; returns the time it tells, ``None`` if it is no tick."""
        found = self._stage.read(record, partition)
        if isinstance(found, Tick):
            self._ticks += 1
            return found.clock_ms
        if not isinstance(found, Read):
            self._outcome.put(*found.output)
            return None
        self._duplicates += self._step(partition, found.key, found.input, clock_ms).duplicates
        return None

    def _fire(self, partition: int, clock_ms: int) -> None:
        """Step every key that is due, the earliest first, and never back to one before."""
        dues = self._dues.setdefault(partition, {})
        last: Timer | None = None
        while timers := [
            (due_ms, key)
            for key, due_ms in dues.items()
            if due_ms <= clock_ms and (last is None or (due_ms, key) > last)
        ]:
            last = min(timers)
            self._step(partition, last[1], Due(clock_ms), clock_ms)

    def _step(self, partition: int, key: bytes, value: object, clock_ms: int) -> Stepped:
        states, dues = self._outcome.states, self._dues.setdefault(partition, {})
        stepped = self._stage.step(key, states.get(key), [value], clock_ms)
        for output in stepped.outputs:
            self._outcome.put(*output)
        states.pop(key, None)
        dues.pop(key, None)
        if stepped.state is not None:
            states[key] = stepped.state
            due_ms = self._stage.due_of(stepped.state)
            if due_ms is not None:
                dues[key] = due_ms
        return stepped


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a database holds of an outcome: ids as often as they are there, the latest by id."""

    contributions: Counter[tuple[str, str]]
    actions: Counter[str]
    decisions: Counter[tuple[str, str]]
    outlooks: Counter[str]
    campaigns: Counter[str]
    dead_letters: Counter[tuple[str, int, int, str]]
    scores: dict[str, tuple[object, ...]]
    cases: dict[str, tuple[object, ...]]
    consents: dict[str, tuple[object, ...]]
    rejects: int = 0


def rows_of(outcome: Outcome, scores: Mapping[str, tuple[object, ...]]) -> Rows:
    """The rows that ``outcome`` should lead to."""
    return Rows(
        contributions=contributions(outcome),
        actions=_named(outcome, ACTIONS, CareAction, lambda a: a.id),
        # A cause that is told again after it was forgotten is decided again, under the same id.
        decisions=Counter(
            dict.fromkeys(_named(outcome, DECISIONS, CareDecision, lambda d: (d.id, d.outcome)), 1)
        ),
        outlooks=_named(outcome, OUTLOOKS, OutlookCheck, lambda o: o.id),
        campaigns=_named(outcome, CAMPAIGNS, CampaignReport, lambda c: c.id),
        dead_letters=sum(
            (_named(outcome, topic, DeadLetter, _place) for topic in _LETTERS), Counter()
        ),
        scores=dict(scores),
        cases=_latest(outcome, CASES, CareCase, lambda c: (c.customer, c.status, c.level, c.as_of)),
        consents=_latest(outcome, CONSENTS, Consent, lambda c: (list(c.denied), c.alerts, c.as_of)),
    )


def contributions(outcome: Outcome, source: str | None = None) -> Counter[tuple[str, str]]:
    """How often each (source, event) has a contribution; of one source, or of all.

    Patterns have some, too, whose source is the pipeline: they are in no log.
    """
    found = _named(outcome, CONTRIBUTIONS, Contribution, lambda c: (c.source, c.event))
    if source is None:
        return found
    return Counter({name: count for name, count in found.items() if name[0] == source})


def patterns(outcome: Outcome) -> int:
    """How many contributions are those of patterns, which no record brought."""
    return _named(outcome, CONTRIBUTIONS, Contribution, lambda c: c.type)[_PATTERN]


def reasons(outcome: Outcome) -> Counter[str]:
    """How many dead letters there are of each reason."""
    return _named(outcome, DEAD_LETTERS, DeadLetter, lambda letter: letter.reason.value)


def compare(expected: Outcome, found: Outcome) -> list[str]:
    """Every difference in words; empty if there is none."""
    differences = [
        *by_key("position of partition", expected.positions, found.positions),
        *by_key("state", expected.states, found.states),
        *by_key("last score", expected.scores, found.scores),
        *by_key("last record", expected.latest, found.latest),
    ]
    for topic in sorted(expected.outputs.keys() | found.outputs.keys()):
        wanted, seen = expected.outputs.get(topic, Counter()), found.outputs.get(topic, Counter())
        differences += by_count(topic, wanted, seen)
    return differences


def compare_rows(expected: Rows, found: Rows) -> list[str]:
    """Every difference between tables in words; empty if there is none."""
    differences = [
        *by_count("contribution rows", expected.contributions, found.contributions),
        *by_count("action rows", expected.actions, found.actions),
        *by_count("decision rows", expected.decisions, found.decisions),
        *by_count("outlook rows", expected.outlooks, found.outlooks),
        *by_count("campaign rows", expected.campaigns, found.campaigns),
        *by_count("dead letter rows", expected.dead_letters, found.dead_letters),
        *by_key("score row", expected.scores, found.scores),
        *by_key("case row", expected.cases, found.cases),
        *by_key("consent row", expected.consents, found.consents),
    ]
    if found.rejects:
        differences.append(f"{found.rejects} records that the sink could not understand")
    return differences


K = TypeVar("K", bound=Hashable)


def by_key(what: str, expected: Mapping[K, object], found: Mapping[K, object]) -> list[str]:
    """How two mappings differ, with a few examples of each kind."""
    kinds = {
        "missing": [key for key in expected if key not in found],
        "unexpected": [key for key in found if key not in expected],
        "different": [key for key in expected if key in found and expected[key] != found[key]],
    }
    lines = []
    for kind, keys in kinds.items():
        if keys:
            shown = "; ".join(
                f"{key!r}: expected {_short(expected.get(key))}, found {_short(found.get(key))}"
                for key in keys[:EXAMPLES_SHOWN]
            )
            lines.append(f"{what}: {len(keys)} {kind}: {shown}")
    return lines


def by_count(what: str, expected: Counter[K], found: Counter[K]) -> list[str]:
    """How two counts differ: what was lost and what is there too often."""
    lines = []
    for kind, lot in (("lost", expected - found), ("too many", found - expected)):
        if lot:
            shown = "; ".join(f"{_short(k)} x{n}" for k, n in lot.most_common(EXAMPLES_SHOWN))
            lines.append(f"{what}: {lot.total()} {kind}: {shown}")
    return lines


def _named(outcome: Outcome, topic: str, kind: type[T], name: Callable[[T], K]) -> Counter[K]:
    decode = msgspec.json.Decoder(kind).decode
    names: Counter[K] = Counter()
    for (_, value), count in outcome.outputs.get(topic, Counter()).items():
        names[name(decode(value or b""))] += count
    return names


def _latest(
    outcome: Outcome, topic: str, kind: type[T], row: Callable[[T], tuple[object, ...]]
) -> dict[str, tuple[object, ...]]:
    decode = msgspec.json.Decoder(kind).decode
    records = ((name, value) for (of, name), value in outcome.latest.items() if of == topic)
    return {name: row(decode(value)) for name, value in records}


def _place(letter: DeadLetter) -> tuple[str, int, int, str]:
    return letter.topic, letter.partition, letter.offset, letter.reason.value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:300]}... ({len(text)} characters)"
