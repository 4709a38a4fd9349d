"""What is read of what has happened: how a customer stands, and what changed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class CustomerNow(NamedTuple):
    """A customer's score without its parts, ``None`` if nothing is known of them; the cases that
    are not closed, and the latest actions and decisions."""

    score: Mapping[str, object] | None
    cases: Sequence[object]
    actions: Sequence[object]
    decisions: Sequence[object]


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
