"""Which records of a partition are under way, and up to where all of them are dealt with."""


class Window:
    """Of one partition. Offsets are taken in rising order and done in any."""

    def __init__(self) -> None:
        self._open: dict[int, None] = {}  # in the order of offsets
        self._next: int | None = None

    def __len__(self) -> int:
        return len(self._open)

    def take(self, offset: int) -> None:
        self._open[offset] = None
        self._next = offset + 1

    def done(self, offset: int) -> None:
        del self._open[offset]

    @property
    def position(self) -> int | None:
        """Where a successor must begin so that nothing is left out; ``None`` before the first."""
        return next(iter(self._open), self._next)
