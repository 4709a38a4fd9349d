"""Lets one lane steer how its partition is fetched."""

from faust.types import TP

from pipeline.adapters.kafka.transport import ChunkConsumer


class LaneIntake:
    """The ``Intake`` of one lane: steers the fetching of its partition until it is detached."""

    def __init__(self, consumer: ChunkConsumer, tp: TP) -> None:
        self._consumer = consumer
        self._tp = tp
        self._attached = True
        self._paused = False
        self._seeked = False

    def pause(self) -> None:
        self._paused = True
        if self._attached:
            self._consumer.hold(self._tp)

    def resume(self) -> None:
        self._paused = False
        self._release_if_ready()

    async def seek(self, offset: int) -> int | None:
        if not self._attached:
            return None
        log_start = await self._consumer.seek_lane(self._tp, offset)
        self._seeked = True
        self._release_if_ready()
        return log_start

    def detach(self) -> None:
        """The partition was given up: a late call of its lane must not touch the next owner."""
        self._attached = False

    def _release_if_ready(self) -> None:
        if self._attached and self._seeked and not self._paused:
            self._consumer.release(self._tp)
