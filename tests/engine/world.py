"""One partition with everything around it, in memory: a supervisor, its broker, log and clock."""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.engine.limits import LaneLimits
from pipeline.engine.ports import LogRecord, Stage, Store
from pipeline.engine.stores.memory import MemoryStore
from pipeline.engine.supervisor import LaneSupervisor
from tests.engine.fakes import (
    PARTITION,
    CountingStage,
    FakeBroker,
    FakeLog,
    FakeObserver,
    FakeTime,
    FakeUnit,
    Faults,
    call,
)


class World:
    """A supervisor with everything it needs; ``deliver`` fetches as a consumer would."""

    def __init__(
        self,
        *records: LogRecord,
        limits: LaneLimits | None = None,
        stage: Stage | None = None,
        open_store: Callable[[], Store] = MemoryStore,
        unit_type: type[FakeUnit] = FakeUnit,
        broker: FakeBroker | None = None,
        log: FakeLog | None = None,
        observer: FakeObserver | None = None,
    ) -> None:
        self.broker = broker or FakeBroker()
        self._unit_type = unit_type
        self.log = log or FakeLog(records)
        self.faults = Faults()
        self.observer = observer or FakeObserver()
        self.time = FakeTime()
        self.units: list[FakeUnit] = []
        self.supervisor = LaneSupervisor(
            partition=PARTITION,
            stage=stage or CountingStage(),
            open_store=open_store,
            changelog=self.broker,
            open_unit=self._open_unit,
            intake=self.log,
            observer=self.observer,
            limits=limits,
            sleep=self.time.sleep,
            monotonic_seconds=self.time.monotonic,
            now_seconds=lambda: 0.0,
        )

    def _open_unit(self) -> FakeUnit:
        self.units.append(self._unit_type(self.broker, self.faults))
        return self.units[-1]

    @property
    def position(self) -> int:
        return self.broker.commits[-1].next_offset if self.broker.commits else 0

    @property
    def end(self) -> int:
        return self.log.records[-1].offset + 1

    @property
    def done(self) -> bool:
        """Whether every record is committed, and every timer fired."""
        fired = self.broker.commits[-1].fired if self.broker.commits else None
        return self.position >= self.end and fired is None

    async def deliver(self, most: int) -> None:
        """Fetch until everything is committed and the lane runs."""
        async with asyncio.timeout(5):
            while not self.done or not self.supervisor.status.ready:
                chunk = self.log.fetch(most) if self.log.seeks else None
                if chunk is not None:
                    self.supervisor.put(chunk)
                await asyncio.sleep(0)

    def run(self, body: Callable[[], Awaitable[None]], *, grace_seconds: float = 1.0) -> None:
        async def main() -> None:
            task = asyncio.create_task(self.supervisor.run())
            try:
                await body()
            finally:
                await self.supervisor.close(grace_seconds)
            async with asyncio.timeout(5):
                await task

        asyncio.run(main())

    def run_to_end(self, most: int = 100) -> None:
        self.run(lambda: self.deliver(most))

    def assert_exactly_once(self) -> None:
        seen = self.broker.seen()
        expected = [r.offset for r in self.log.records if not (r.value or b"").startswith(b"tick")]
        assert sorted(seen.offsets) == expected
        for counts in seen.counts.values():
            assert counts == list(range(1, len(counts) + 1))


def calls(count: int) -> list[LogRecord]:
    return [call(offset, "ann" if offset % 3 else "bob") for offset in range(count)]
