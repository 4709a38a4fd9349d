"""When the states of one partition are due: one time a key, in order, small in memory."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import Final

from pipeline.engine.ports import Changes, Checkpoint, Timer

BUCKET_MS: Final = 60_000
"""Keys whose due times fall into the same minute lie together, unsorted until time comes near.

Wide enough that a million timers over a month share some 40,000 lists, narrow enough that looking
through the present minute at each tick costs next to nothing."""

_NEVER_MS: Final = -(2**63)


class Timers:
    """The due time of every key that has one; built from the states, and changed with them.

    A key costs an entry of one dictionary and a place in the list of its minute: about 160 bytes
    with the key itself. A place that a key has left is dropped when half of its list is like that,
    or when its time comes. ``checkpoint`` is where the states stand whose due times these
    are; ``None`` if that is not known.
    """

    def __init__(self, due_of: Callable[[bytes], int | None]) -> None:
        self.due_of = due_of
        self.checkpoint: Checkpoint | None = None
        self._dues: dict[bytes, int] = {}
        self._minutes: dict[int, list[bytes]] = {}
        self._left: dict[int, int] = {}  # places in a minute's list whose key has left it
        self._order: list[int] = []  # of the minutes, a heap
        self._ripe: list[Timer] = []  # in order: every due time that ``due`` was asked for
        self._ripe_ms = _NEVER_MS

    @property
    def dues(self) -> Mapping[bytes, int]:
        """Due times by key; never to be changed from outside."""
        return self._dues

    def clear(self) -> None:
        self.checkpoint = None
        self._ripe_ms = _NEVER_MS
        for held in (self._dues, self._minutes, self._left, self._order, self._ripe):
            held.clear()

    def follow(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Change with states of which only the bytes are known. Raises what ``due_of`` raises."""
        self.checkpoint = None
        due_of = self.due_of
        for key, state in changes.items():
            self.put(key, None if state is None else due_of(state))
        self.checkpoint = checkpoint

    def apply(self, dues: Mapping[bytes, int | None], checkpoint: Checkpoint) -> None:
        """Change with states whose due times are known."""
        for key, due_ms in dues.items():
            self.put(key, due_ms)
        self.checkpoint = checkpoint

    def put(self, key: bytes, due_ms: int | None) -> None:
        """Set the one due time of ``key``, or withdraw it."""
        old_ms = self._dues.get(key)
        if due_ms == old_ms:
            return
        if due_ms is None:
            del self._dues[key]
        else:
            self._dues[key] = due_ms
        # A key in the list of its minute is found there by whatever time of that minute it has.
        listed = old_ms is not None and old_ms > self._ripe_ms
        old_minute = None if old_ms is None or not listed else old_ms // BUCKET_MS
        minute = None if due_ms is None else due_ms // BUCKET_MS
        if minute != old_minute:
            if minute is not None:
                self._list(minute, key)
            if old_minute is not None:
                self._leave(old_minute)

    def due(self, clock_ms: int, after: Timer | None, most: int) -> list[Timer]:
        """The first ``most`` timers in order that are due at ``clock_ms`` and later than ``after``.

        Nothing is taken out: a timer is there until its key is given another due time.
        """
        dues, ripe = self._dues, self._ripen(clock_ms)
        found: list[Timer] = []
        for index in range(0 if after is None else bisect_right(ripe, after), len(ripe)):
            timer = ripe[index]
            if timer[0] > clock_ms or len(found) == most:
                break
            if dues.get(timer[1]) == timer[0]:
                found.append(timer)
        return found

    def _ripen(self, clock_ms: int) -> list[Timer]:
        """Sort what is due at ``clock_ms`` out of the lists."""
        dues, fresh = self._dues, []
        self._ripe_ms = max(self._ripe_ms, clock_ms)
        until_ms = self._ripe_ms
        while self._order and self._order[0] * BUCKET_MS <= until_ms:
            minute = heappop(self._order)
            keys = self._in_minute(minute, self._minutes.pop(minute))
            self._left.pop(minute, None)
            fresh += [(dues[key], key) for key in keys if dues[key] <= until_ms]
            later = [key for key in keys if dues[key] > until_ms]
            if later:  # only of the present minute, which is so the last
                self._minutes[minute] = later
                heappush(self._order, minute)
                break
        if fresh:
            kept = {timer for timer in self._ripe if dues.get(timer[1]) == timer[0]}
            self._ripe = sorted(kept.union(fresh))
        elif self._ripe and dues.get(self._ripe[-1][1]) != self._ripe[-1][0]:
            self._ripe = [timer for timer in self._ripe if dues.get(timer[1]) == timer[0]]
        return self._ripe

    def _list(self, minute: int, key: bytes) -> None:
        keys = self._minutes.get(minute)
        if keys is None:
            self._minutes[minute] = [key]
            heappush(self._order, minute)
        else:
            keys.append(key)

    def _leave(self, minute: int) -> None:
        """A key has left ``minute``; its place there stays until half of them are like that."""
        keys = self._minutes[minute]
        left = self._left.get(minute, 0) + 1
        if 2 * left <= len(keys):
            self._left[minute] = left
            return
        self._left.pop(minute, None)
        # Kept though it be empty: the order has every minute once.
        self._minutes[minute] = self._in_minute(minute, keys)

    def _in_minute(self, minute: int, keys: list[bytes]) -> list[bytes]:
        """Those of ``keys`` that are due in ``minute``, each once."""
        dues, lost = self._dues, (minute - 1) * BUCKET_MS
        return [key for key in dict.fromkeys(keys) if dues.get(key, lost) // BUCKET_MS == minute]


class Agenda:
    """The timers of one tick in order, as a chunk under way sees them.

    ``dues`` are the due times that the chunk has changed so far, whatever ``timers`` says of those
    keys. At least ``most`` timers are on it if that many are due.
    """

    def __init__(
        self,
        timers: Timers,
        dues: Mapping[bytes, int | None],
        clock_ms: int,
        after: Timer | None,
        most: int,
    ) -> None:
        self._clock_ms = clock_ms
        # One more than may fire shows whether any is left.
        found = timers.due(clock_ms, after, most + len(dues) + 1)
        self._standing = [timer for timer in found if timer[1] not in dues]
        self._standing.reverse()
        self._moved = [
            (due_ms, key)
            for key, due_ms in dues.items()
            if due_ms is not None
            and due_ms <= clock_ms
            and (after is None or (due_ms, key) > after)
        ]
        heapify(self._moved)
        self.keys = [key for _, key in self._standing[-most:]]
        """Keys that may fire and were not changed by the chunk before."""

    def take(self) -> Timer | None:
        """The next timer; ``None`` if no more are due."""
        standing, moved = self._standing, self._moved
        if moved and (not standing or moved[0] < standing[-1]):
            return heappop(moved)
        return standing.pop() if standing else None

    def moved(self, fired: Timer, due_ms: int | None) -> None:
        """The key of ``fired`` has a new due time: it fires once more if that is later, yet due.

        At the same time or before, it would go round and round: that waits for the next tick.
        """
        if due_ms is not None and fired[0] < due_ms <= self._clock_ms:
            heappush(self._moved, (due_ms, fired[1]))
