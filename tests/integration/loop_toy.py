"""A toy stage that sends records back into its log: ``event>b>c`` goes on to ``b``, then ``c``."""

import json
from collections.abc import Sequence

from pipeline.engine.ports import Output, Read, Record, Refused, Stepped, Tick
from schemas.topics import DEAD_LETTERS, EVENTS, SCORES


def onward(value: bytes) -> list[Output]:
    """What ``value`` sends to the next customer it names; nothing if it names none."""
    event, *rest = value.split(b">")
    return [Output(EVENTS, rest[0], b">".join([event, *rest[1:]]))] if rest else []


class LoopStage:
    """Copies each event once to the score topic and sends it onward; its state are the events."""

    name = "loop"

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        if record.key is None:
            return Tick(json.loads(record.value or b"{}")["clock_ms"])
        return Read(record.key, record.value or b"")

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        seen = [] if state is None else state.split()
        outputs: list[Output] = []
        duplicates = 0
        for value in inputs:
            assert isinstance(value, bytes)
            event = value.split(b">")[0]
            if event in seen:
                duplicates += 1
                continue
            seen.append(event)
            outputs += [Output(SCORES, key, value), *onward(value)]
        return Stepped(b" ".join(seen), outputs, duplicates)

    def due_of(self, state: bytes) -> int | None:
        return None

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        return Refused(reason, Output(DEAD_LETTERS, record.key or b"", record.value or b""))
