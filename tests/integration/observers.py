"""An observer that counts, for tests that ask how much was processed."""

from collections.abc import Mapping

from pipeline.engine.ports import Labels


class CountingObserver:
    """Adds up what an engine tells; also keeps the failures and the lane's states."""

    def __init__(self) -> None:
        self.processed = 0
        self.duplicates = 0
        self.refused = 0
        self.failures: list[str] = []
        self.states: list[str] = []

    def committed(
        self,
        partition: int,
        *,
        processed: int,
        duplicates: int,
        refused: Mapping[str, int],
        outputs: int,
        fired: int,
        failed: int,
        waiting: int,
        seconds: float,
        told: Mapping[Labels, int],
    ) -> None:
        self.processed += processed
        self.duplicates += duplicates
        self.refused += sum(refused.values())

    def failed(self, partition: int, phase: str, error: BaseException) -> None:
        self.failures.append(f"{phase}: {error}")

    def state_changed(self, partition: int, state: str, detail: str) -> None:
        self.states.append(state)
