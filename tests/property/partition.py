"""One partition of the perceive stage under the engine's own stepping, for tests that watch it."""

import json
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.core.customer import Customer
from pipeline.core.policy.compiled import Policy
from pipeline.engine.ports import Checkpoint, Labels, LogRecord, Output, Position
from pipeline.engine.stepping import Stepping
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.timers import Timers
from pipeline.stages.perceive import CODEC, PerceiveStage
from schemas.topics import EVENTS


class Partition:
    """Takes records in chunks; keeps the log, what was said, what was told, and the states."""

    def __init__(self, policy: Policy) -> None:
        self.stage = PerceiveStage(policy, version="test")
        self.store = MemoryStore()
        self.timers = Timers(self.stage.due_of)
        self.position = Position()
        self.log: list[LogRecord] = []
        self.said: list[Output] = []
        self.told: Counter[Labels] = Counter()

    def take(self, made: dict[str, Any]) -> list[Output]:
        """Append an event, and whatever it sends to other customers; what was said of it all."""
        subject = made.get("subject")
        key = None if subject is None else str(subject).encode()
        waiting, said = deque([(key, json.dumps(made).encode())]), list[Output]()
        while waiting:
            record = LogRecord(len(self.log), *waiting.popleft())
            self.log.append(record)
            fresh = self.step([record])
            said += fresh
            waiting += ((each.key, each.value) for each in fresh if each.topic == EVENTS)
        return said

    def tick(self, at_s: float) -> list[Output]:
        """Let the partition's clock come to ``at_s``."""
        time = datetime.fromtimestamp(at_s, UTC).isoformat()
        return self.take(
            {
                "specversion": "1.0",
                "id": f"tick-{len(self.log)}",
                "source": "/clock",
                "type": "touchpoint.clock.ticked.v1",
                "time": time,
                "data": {},
            }
        )

    def step(self, records: Sequence[LogRecord]) -> list[Output]:
        """Step a chunk of the log; what it sends to other customers is not appended."""
        stepping = Stepping(self.stage, self.store, self.timers, 0, self.position)
        stepping.run(records)
        work = stepping.work(records[-1].offset + 1, 0.0)
        assert not work.refused, work.outputs
        assert not work.failures, work.failures
        self.position = work.position
        self.store.apply(work.changes, Checkpoint(work.position))
        self.timers.apply(work.dues, Checkpoint(work.position))
        self.told.update(work.told)
        self.said += work.outputs
        return list(work.outputs)

    def states(self) -> dict[str, Customer]:
        """Every customer's state."""
        return {key.decode(): CODEC.decode(state) for key, state in self.store.items()}


def replayed(policy: Policy, log: Sequence[LogRecord], chunk: int) -> Partition:
    """Another partition that took the same log, in chunks of ``chunk`` records."""
    other = Partition(policy)
    for first in range(0, len(log), chunk):
        other.step(log[first : first + chunk])
    return other
