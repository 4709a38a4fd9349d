"""The lanes of the partitions this worker owns: opened on assignment, closed on revocation."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pipeline.adapters.kafka.changelog import KafkaChangelog, TopicIdentity
from pipeline.adapters.kafka.intake import LaneIntake
from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.kafka.unit_of_work import KafkaUnitOfWork
from pipeline.engine.chunk import Chunk
from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import Observer, Record, Stage, Store
from pipeline.engine.status import LaneStatus
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.stores.rocksdb import RocksStore
from pipeline.engine.supervisor import LaneSupervisor

log = logging.getLogger(__name__)

OnMisplacedKey = Callable[[int, bytes], None]
"""Told the partition and the key of a sampled record that another partition should have."""


class OwnedLane(NamedTuple):
    """How a lane is, and how many sampled keys were on a partition that is not theirs."""

    status: LaneStatus
    misplaced_keys: int


class _Lane(NamedTuple):
    supervisor: LaneSupervisor
    intake: LaneIntake
    task: asyncio.Task[None]
    keys: "KeyCheck"


class KeyCheck:
    """Looks at one key in so many: does the publisher partition by murmur2 as Java does?"""

    def __init__(
        self, partition: int, partitions: int, every: int, on_misplaced: OnMisplacedKey
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._every = every
        self._on_misplaced = on_misplaced
        self._until_next = 1
        self.misplaced = 0

    def look(self, records: Sequence[Record]) -> None:
        """Check the sampled records of a chunk; ticks and others without a key have no place."""
        index = self._until_next - 1
        while index < len(records):
            key = records[index].key
            if key is not None and key_partition(key, self._partitions) != self._partition:
                self.misplaced += 1
                self._on_misplaced(self._partition, key)
            index += self._every
        self._until_next = index - len(records) + 1


class LaneGroup:
    """All lanes of one worker. Used from one event loop only."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        stage: Stage,
        observer: Observer,
        limits: LaneLimits,
        on_misplaced_key: OnMisplacedKey,
    ) -> None:
        self._settings = settings
        self._stage = stage
        self._observer = observer
        self._limits = limits
        self._on_misplaced_key = on_misplaced_key
        self._identity: TopicIdentity | None = None
        self._lanes: dict[int, _Lane] = {}

    @property
    def partitions(self) -> list[int]:
        return sorted(self._lanes)

    def owned(self) -> list[OwnedLane]:
        """Every lane of this worker, by partition."""
        return [
            OwnedLane(lane.supervisor.status, lane.keys.misplaced)
            for _, lane in sorted(self._lanes.items())
        ]

    def put(self, partition: int, chunk: Chunk) -> None:
        """Hand a chunk to its lane; a partition that was given up meanwhile drops it."""
        lane = self._lanes.get(partition)
        if lane is not None:
            lane.keys.look(chunk.records)
            lane.supervisor.put(chunk)

    def open(self, partition: int, intake: LaneIntake) -> None:
        """Start the lane of ``partition``; it opens, restores and seeks on its own."""
        settings, stage = self._settings, self._stage.name
        if self._identity is None:
            self._identity = TopicIdentity(settings, settings.changelog_topic(stage))
        supervisor = LaneSupervisor(
            partition=partition,
            stage=self._stage,
            open_store=lambda: self._open_store(partition),
            changelog=KafkaChangelog(settings, stage, partition, self._identity),
            open_unit=lambda: KafkaUnitOfWork(settings, stage, partition),
            intake=intake,
            observer=self._observer,
            limits=self._limits,
        )
        task = asyncio.create_task(supervisor.run(), name=f"lane-{partition}")
        keys = KeyCheck(
            partition, settings.partitions, settings.key_check_every, self._on_misplaced_key
        )
        self._lanes[partition] = _Lane(supervisor, intake, task, keys)

    async def close(self, partitions: Iterable[int], grace_seconds: float) -> None:
        """Close these lanes side by side; each finishes or aborts what is under way."""
        lanes = [self._lanes.pop(p) for p in set(partitions) if p in self._lanes]
        for lane in lanes:
            lane.intake.detach()
        await asyncio.gather(*(lane.supervisor.close(grace_seconds) for lane in lanes))
        for lane in lanes:
            if lane.task.done() and not lane.task.cancelled():
                error = lane.task.exception()
                if error is not None:
                    log.error("a lane ended with an error", exc_info=error)

    def _open_store(self, partition: int) -> Store:
        if self._settings.data_dir is None:
            return MemoryStore()
        path = self._settings.data_dir / self._stage.name / str(partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        return RocksStore(path, on_cleared=log.warning)
