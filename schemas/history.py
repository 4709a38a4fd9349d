"""What is read of the time that passed: sums by bucket, and what changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple


class Change(NamedTuple):
    """A row that was written: ``kind`` is ``score``, ``action``, ``decision`` or ``case``.

    ``cursor`` is where to go on behind this very change; ``None`` where only the cursor of a
    whole ``Feed`` is known, so that who breaks off within one reads its first changes again.
    """

    kind: str
    row: Mapping[str, object]
    cursor: str | None = None


class Feed(NamedTuple):
    """Changes in the order of their transactions, and where to go on."""

    changes: Sequence[Change]
    next: str


class Sums(NamedTuple):
    """What was felt in one bucket, which begins at ``start``, by one value of an axis.

    With a ``dimension``, ``touches`` are those that said something of it and ``felt`` those of
    its readings that have a quality, whose ``quality`` and ``expected`` are summed; ``gained`` and
    ``lost`` are sums of log-odds, both positive. With the dimension "", ``touches`` are all and
    ``moved`` is the sum of score after less before, in points.
    """

    start: datetime
    value: str
    dimension: str
    touches: int
    felt: int
    quality: float
    expected: float
    gained: float
    lost: float
    moved: float
