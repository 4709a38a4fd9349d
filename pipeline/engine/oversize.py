"""Finds the one record, or the one timer, that leads to more than the log takes."""

from collections.abc import Sequence

from pipeline.engine.chunk import Chunk
from pipeline.engine.ports import Position, Timer


class Oversize:
    """What a lane has learnt from works that were too large to publish.

    Each failure halves what is tried next, records first and then timers, until one is left: that
    one is condemned. ``timer_dues`` are the condemned timers by key, with their due time: they
    are left alone until their state changes.
    """

    def __init__(self, max_timers: int) -> None:
        self._max_timers = max_timers
        self._record: int | None = None
        self.most_timers = max_timers
        self.timer_dues: dict[bytes, int] = {}

    def condemns(self, chunk: Chunk) -> bool:
        """Whether ``chunk`` is the one record whose outputs are too large."""
        return len(chunk.records) == 1 and chunk.records[0].offset == self._record

    def divide(
        self, chunk: Chunk, position: Position, tried: Sequence[Timer]
    ) -> tuple[Chunk, ...] | None:
        """What to try instead of ``chunk``, whose work from ``position`` on was too large.

        ``tried`` are the timers of that work. ``None``: nothing is left to divide.
        """
        first = chunk.index_of(position.next_offset)
        if first:
            chunk = chunk.split(first)[1]
        if position.fired is None and len(chunk.records) > 1:
            return chunk.split(len(chunk.records) // 2)
        if tried:
            self._divide_timers(tried)
            return (chunk,)
        if not chunk.records or self._record == chunk.records[0].offset:
            return None  # even its dead letter is too large: shown, and never dropped
        self._record = chunk.records[0].offset
        return (chunk,)

    def committed(self, position: Position) -> None:
        """Something was not too large; after the last timer of a tick all may fire at once."""
        if position.fired is None:
            self.most_timers = self._max_timers

    def _divide_timers(self, tried: Sequence[Timer]) -> None:
        if len(tried) > 1:
            self.most_timers = len(tried) // 2
            return
        due_ms, key = tried[0]
        self.timer_dues[key] = due_ms
        self.most_timers = self._max_timers
