"""What was proposed is what was requested, suppressed and is open: as metrics and in the ledger."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.adapters.telemetry.observer import EngineObserver
from pipeline.bootstrap.common import tick_value
from pipeline.engine.ports import Checkpoint, LogRecord, Output, Position
from pipeline.engine.stepping import Stepping
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from pipeline.stages.perceive import PerceiveStage
from pipeline.tools.demo import CUSTOMERS, introductions, town_event_bytes
from schemas.care import FINAL
from schemas.topics import EVENTS, PROPOSALS
from sinks.sql.engine import make_engine
from sinks.sql.ledger import Ledger, ledger_balance
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.unit.core import default_policy
from tests.unit.events import event_bytes

START = datetime(2026, 3, 2, tzinfo=UTC)
EVERY = timedelta(minutes=7)
COUNT = 1_500
CHUNK = 100


class Pipeline:
    """One partition of the perceive stage, whose outputs go into a database."""

    def __init__(self, engine: Engine) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self._stage = PerceiveStage(default_policy(), version="test")
        self._observer = EngineObserver(self.metrics, self._stage.name)
        self._store, self._timers = MemoryStore(), Timers(self._stage.due_of)
        self._position = Position()
        self._engine = engine

    def take(self, values: Sequence[tuple[bytes | None, bytes]]) -> None:
        """Process keys and values as one chunk, and what they send back to the log after it."""
        first = self._position.next_offset
        records = [LogRecord(first + n, key, value) for n, (key, value) in enumerate(values)]
        stepping = Stepping(self._stage, self._store, self._timers, 0, self._position)
        stepping.run(records)
        work = stepping.work(first + len(records), 0.0)
        self._position = work.position
        self._store.apply(work.changes, Checkpoint(work.position))
        self._timers.apply(work.dues, Checkpoint(work.position))
        self._observer.committed(
            0,
            processed=work.processed,
            duplicates=work.duplicates,
            refused=work.refused,
            outputs=len(work.outputs),
            fired=len(work.tried),
            failed=len(work.failures),
            waiting=0,
            seconds=0.0,
            told=work.told,
        )
        looped = [(key, value) for topic, key, value in work.outputs if topic == EVENTS]
        self._write([each for each in work.outputs if each.topic not in (EVENTS, PROPOSALS)])
        if looped:
            self.take(looped)

    def _write(self, outputs: list[Output]) -> None:
        with self._engine.begin() as connection:
            assert write_outputs(connection, outputs).rejected == 0


def unwanted(customer: str) -> tuple[bytes, bytes]:
    """The customer's wish to have no alerts."""
    profiled = event_bytes(
        "touchpoint.customer.profiled.v1",
        id=f"unwanted-{customer}",
        subject=customer,
        time=START.isoformat(),
        data={"alerts": {"wanted": False}},
    )
    return customer.encode(), profiled


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Metrics, Ledger]]:
    """A week of the town, with a tick every hour; a third of it wants no alerts."""
    folder: Path = tmp_path_factory.mktemp("town")
    engine = make_engine(f"sqlite:///{folder / 't.db'}")
    upgrade(engine)
    pipeline = Pipeline(engine)
    log: list[tuple[bytes | None, bytes]] = [*introductions(START), *map(unwanted, CUSTOMERS[::3])]
    hour = 0
    for number in range(COUNT):
        now = START + number * EVERY
        if int(now.timestamp() // 3_600) > hour:
            hour = int(now.timestamp() // 3_600)
            log.append((None, tick_value(0, hour * 3_600_000)))
        log.append(town_event_bytes(number, now))
    for first in range(0, len(log), CHUNK):
        pipeline.take(log[first : first + CHUNK])
    yield pipeline.metrics, ledger_balance(engine)
    engine.dispose()


def counted(metrics: Metrics, name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """The values of a counter by these labels."""
    found: Counter[tuple[str, ...]] = Counter()
    for metric in metrics.registry.collect():
        for sample in metric.samples:
            if sample.name == f"touchpoint_{name}_total":
                found[tuple(sample.labels[label] for label in labels)] += int(sample.value)
    return found


def test_the_ledger_of_a_town_holds(town: tuple[Metrics, Ledger]) -> None:
    _, ledger = town
    assert ledger.holds, ledger
    assert sum(balance.proposed for balance in ledger.actions) > 500
    assert {"requested", "withheld"} <= {reason.outcome for reason in ledger.reasons}


def test_the_metric_of_proposals_is_what_the_ledger_says(town: tuple[Metrics, Ledger]) -> None:
    metrics, ledger = town
    proposed = {(balance.action,): balance.proposed for balance in ledger.actions}
    assert counted(metrics, "care_proposals", "action") == proposed


def test_final_outcomes_are_the_same_for_each_reason(town: tuple[Metrics, Ledger]) -> None:
    metrics, ledger = town
    labels = ("action", "outcome", "reason")
    told = counted(metrics, "care_decisions", *labels)
    final = {each: count for each, count in told.items() if each[1] in FINAL}
    assert final == {
        (each.action, each.outcome, each.reason): each.proposals
        for each in ledger.reasons
        if each.outcome in FINAL
    }
