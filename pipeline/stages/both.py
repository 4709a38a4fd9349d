"""Two stages on one log: customers and campaigns side by side, where there is no broker between.

A record's key tells whose it is: that of a campaign begins with ``CAMPAIGN``, which no customer's
id can, since ids have no control characters. So nobody who hands in events can reach a campaign.
The states of both are in one store, under such keys, and tell by their version whose they are.
"""

from collections.abc import Sequence
from typing import Final

from pipeline.engine.ports import LogRecord, Output, Read, Record, Refused, Stage, Stepped, Tick
from pipeline.stages.allocate import FIRST_VERSION
from schemas.topics import PROPOSALS

CAMPAIGN: Final = b"\x00campaign\x00"


class BothStages:
    """The perceive and the allocate stage as one; a tick is for the timers of both."""

    name: Final = "both"

    def __init__(self, perceive: Stage, allocate: Stage) -> None:
        self._perceive = perceive
        self._allocate = allocate

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        if not _is_campaigns(record.key):
            return self._perceive.read(record, partition)
        result = self._allocate.read(_without_mark(record), partition)
        return Read(CAMPAIGN + result.key, result.input) if type(result) is Read else result

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        if _is_campaigns(key):
            own = key.removeprefix(CAMPAIGN)
            return self._allocate.step(own, state, inputs, clock_ms)
        stepped = self._perceive.step(key, state, inputs, clock_ms)
        if not any(output.topic == PROPOSALS for output in stepped.outputs):
            return stepped
        return stepped._replace(outputs=[_marked(output) for output in stepped.outputs])

    def due_of(self, state: bytes) -> int | None:
        stage = self._allocate if state[:1] >= bytes([FIRST_VERSION]) else self._perceive
        return stage.due_of(state)

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        if _is_campaigns(record.key):
            return self._allocate.refuse(_without_mark(record), partition, reason, detail)
        return self._perceive.refuse(record, partition, reason, detail)


def _is_campaigns(key: bytes | None) -> bool:
    return key is not None and key.startswith(CAMPAIGN)


def _without_mark(record: Record) -> LogRecord:
    return LogRecord(
        record.offset,
        (record.key or b"").removeprefix(CAMPAIGN),
        record.value,
        record.timestamp,
        tuple(record.headers),
    )


def _marked(output: Output) -> Output:
    if output.topic != PROPOSALS:
        return output
    return output._replace(key=CAMPAIGN + output.key)
