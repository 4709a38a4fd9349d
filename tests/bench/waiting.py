"""Customers who wait for a time, in states of the perceive stage as it leaves them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Final

import msgspec

from pipeline.engine.ports import LogRecord, Read, Record, Refused, Tick
from pipeline.stages.perceive import PerceiveStage
from tests.unit.core import default_policy

_CALLS_BEFORE: Final = 2
"""So that a state holds more than the one event that set its timer."""


class Perceiving(PerceiveStage):
    """The stage as it is, but for a tick, which is known by its record's own time."""

    def __init__(self) -> None:
        # As shipped: that of the other benches awaits no alerts.
        super().__init__(default_policy(), version="bench")

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        return Tick(record.timestamp) if record.value is None else super().read(record, partition)


def waiting_states(
    stage: PerceiveStage, customers: int, *, from_ms: int, span_ms: int, seed: int
) -> Iterator[tuple[bytes, bytes]]:
    """The key and state of each customer, some of whose timers is due within the span.

    Each called before, and then paid with a card: an alert about that is awaited.
    """
    chance = Random(seed)
    for number in range(customers):
        key = b"customer-%07d" % number
        paid_ms = from_ms + chance.randrange(span_ms)
        state: bytes | None = None
        for n in range(_CALLS_BEFORE + 1):
            at_ms = paid_ms - (_CALLS_BEFORE - n) * 86_400_000
            kind = "transaction" if n == _CALLS_BEFORE else "call"
            state = _after(stage, key, state, _event(kind, f"{number}-{n}", key, at_ms))
        assert state is not None
        yield key, state


def _after(stage: PerceiveStage, key: bytes, state: bytes | None, value: bytes) -> bytes | None:
    read = stage.read(LogRecord(0, key, value), 0)
    assert isinstance(read, Read), read
    return stage.step(key, state, [read.input], 0).state


def _event(kind: str, name: str, key: bytes, at_ms: int) -> bytes:
    data: dict[str, object] = {"amount": 12.5, "currency": "EUR", "kind": "purchase"}
    if kind == "call":
        data = {"direction": "inbound", "intent": "help", "topic": "fee", "wait_seconds": 40}
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": name,
            "source": "urn:bank:core",
            "type": f"touchpoint.{kind}.completed.v1",
            "subject": key.decode(),
            "time": datetime.fromtimestamp(at_ms / 1000.0, UTC),
            "data": data,
        }
    )
