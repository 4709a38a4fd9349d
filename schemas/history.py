"""What is read of the time that passed: sums by bucket, and what changed."""

from collections.abc import Mapping, Sequence
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
