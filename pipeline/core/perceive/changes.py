"""What is booked later than it happened: changes of an account as of an earlier time."""

from typing import Final, NamedTuple


class Memory(NamedTuple):
    """What is remembered of qualities: their weight, their sum, and the sum of their squares."""

    weight: float
    quality: float
    square: float


NOTHING: Final = Memory(0.0, 0.0, 0.0)


class Change(NamedTuple):
    """A change of what stands in the account: log-odds, and memory, to add as of ``since_s``."""

    dimension: str
    value: float
    since_s: float
    memory: Memory = NOTHING


def remembered(quality: float) -> Memory:
    """The memory of one touch of this quality."""
    return Memory(1.0, quality, quality * quality)


def remembered_as(new: float, old: float, weight: float) -> Memory:
    """The memory that makes one touch of quality ``old`` one of quality ``new``."""
    return Memory(0.0, weight * (new - old), weight * (new * new - old * old))


def difference(old: Change | None, new: Change | None) -> list[Change]:
    """What to book so that ``new`` stands where ``old`` did."""
    if old is None:
        return [] if new is None else [new]
    if new is None:
        return [_minus(None, old)]
    if (old.dimension, old.since_s) != (new.dimension, new.since_s):
        return [_minus(None, old), new]
    change = _minus(new, old)
    return [] if change.value == 0.0 and change.memory == NOTHING else [change]


def _minus(new: Change | None, old: Change) -> Change:
    value, (weight, quality, square) = (0.0, NOTHING) if new is None else (new.value, new.memory)
    had = old.memory
    memory = Memory(weight - had.weight, quality - had.quality, square - had.square)
    return Change(old.dimension, value - old.value, old.since_s, memory)
