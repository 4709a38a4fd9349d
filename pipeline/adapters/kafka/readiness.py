"""Says of a worker on Kafka whether it is ready, lane by lane, and why not."""

from collections.abc import Sequence

from pipeline.adapters.http.ports import Condition
from pipeline.adapters.kafka.worker import KafkaWorker


class WorkerReadiness:
    """The ``Readiness`` of one worker; may be asked from another thread."""

    def __init__(self, worker: KafkaWorker) -> None:
        self._worker = worker

    def conditions(self) -> Sequence[Condition]:
        if not self._worker.assigned:
            return [Condition("group", False, "joining", "no partitions assigned yet")]
        lanes = [
            Condition(
                f"lane {lane.status.partition}",
                lane.status.state == "running",
                lane.status.state,
                _detail(lane.status.detail, lane.misplaced_keys),
            )
            for lane in self._worker.lanes()
        ]
        return [Condition("group", True, "assigned", f"{len(lanes)} partitions"), *lanes]

    def fatal(self) -> str | None:
        # What cannot go on ends its process by itself: see the watchdog.
        return None


def _detail(detail: str, misplaced_keys: int) -> str:
    if not misplaced_keys:
        return detail
    keys = f"{misplaced_keys} sampled keys belong to other partitions: publish with murmur2"
    return f"{detail}; {keys}" if detail else keys
