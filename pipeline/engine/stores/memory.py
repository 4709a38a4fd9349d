"""Keeps states in memory: for tests, and for installations small enough to rebuild at start."""

from collections.abc import Iterable, Sequence

from pipeline.engine.ports import Changes, Checkpoint


class MemoryStore:
    """A ``Store`` in a dictionary. Each new one is empty and is rebuilt from the changelog."""

    def __init__(self) -> None:
        self._states: dict[bytes, bytes] = {}
        self._checkpoint = Checkpoint()

    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return list(map(self._states.get, keys))

    def apply(self, changes: Changes, checkpoint: Checkpoint) -> None:
        states = self._states
        for key, value in changes.items():
            if value is None:
                states.pop(key, None)
            else:
                states[key] = value
        self._checkpoint = checkpoint

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        return iter(self._states.items())

    def clear(self) -> None:
        self._states.clear()
        self._checkpoint = Checkpoint()

    def close(self) -> None:
        """Nothing to give back."""
