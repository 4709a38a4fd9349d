"""The state of one campaign: who waits, packed, and what was spent so far."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec

ID_BYTES: Final = 16
DIGEST_BYTES: Final = 6
LARGEST_BYTES: Final = 7_000_000
"""Of all that wait: a state must fit into a record, of which a broker takes some 8 MB."""

MOST_DECIDED: Final = 100_000


class Terms(msgspec.Struct, array_like=True, frozen=True):
    """What many proposals have in common; ``cost`` in units of money."""

    action: str
    tier: str
    cost: int


class Window(msgspec.Struct, array_like=True):
    """All that is decided together at ``at_s``, packed.

    ``ids`` has 16 bytes a proposal, ``heads`` a fixed record, ``names`` customer and cohort.
    ``declined_ids`` and ``declined`` are of those who get nothing by own wish or by rule.
    """

    at_s: float
    ids: bytes = b""
    heads: bytes = b""
    names: bytes = b""
    declined_ids: bytes = b""
    declined: bytes = b""

    @property
    def members(self) -> int:
        return len(self.ids) // ID_BYTES

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        packed = (self.ids, self.heads, self.names, self.declined_ids, self.declined)
        return sum(map(len, packed))


class Spent(msgspec.Struct, array_like=True):
    """How many actions, and what they cost in units of money."""

    actions: int = 0
    money: int = 0


class Watched(msgspec.Struct, array_like=True):
    """A cohort of which some have a gift: whether all ``expected`` have it by ``due_s``.

    ``got`` are digests of those who have it; ``due_s`` is set by the first of them.
    """

    expected: int
    got: bytes = b""
    due_s: float | None = None


class Shown(msgspec.Struct, array_like=True):
    """When the first and the last of a cohort got a gift that no campaign of the policy gave."""

    first_s: float
    last_s: float
    told: bool = False


class Campaign(msgspec.Struct, array_like=True):
    """One campaign. Mutable, and never outside the step that decoded it.

    ``due_ms``, milliseconds since 1970, stands first so that it is quick to read. ``windows`` are
    by time; up to ``closed_s`` all was decided. ``spent`` and ``spent_day`` are by tier, the
    latter of ``day``. ``decided`` and ``decided_before`` are digests of what was decided on that
    day and on the one before, so that a repetition is known. ``turned_away`` are cohorts of which
    a member found no room: they are not whole any more; ``all_turned_away`` if they are too many.
    """

    due_ms: int | None = None
    windows: list[Window] = msgspec.field(default_factory=list)
    terms: list[Terms] = msgspec.field(default_factory=list)
    closed_s: float = 0.0
    day: int = 0
    spent: dict[str, Spent] = msgspec.field(default_factory=dict)
    spent_day: dict[str, Spent] = msgspec.field(default_factory=dict)
    decided: bytes = b""
    decided_before: bytes = b""
    proposed: int = 0
    not_funded: int = 0
    declined: int = 0
    turned_away: list[str] = msgspec.field(default_factory=list)
    all_turned_away: bool = False
    watched: dict[str, Watched] = msgspec.field(default_factory=dict)
    shown: dict[str, Shown] = msgspec.field(default_factory=dict)

    @property
    def members(self) -> int:
        return sum(window.members for window in self.windows)

    @property
    def size(self) -> int:
        """Bytes that all that wait take."""
        return sum(window.size for window in self.windows)


def digest_of(identity: bytes) -> bytes:
    return blake2b(identity, digest_size=DIGEST_BYTES).digest()


def id_bytes(identity: str) -> bytes:
    """An id as it is packed. Raises ``ValueError`` if it is no UUID as the pipeline writes it."""
    packed = UUID(identity)
    if str(packed) != identity:
        raise ValueError(f"{identity!r} is no UUID in its usual form")
    return packed.bytes


def id_text(packed: bytes) -> str:
    return str(UUID(bytes=packed))


def chunks(packed: bytes, size: int) -> Iterator[bytes]:
    """The parts of ``packed``, ``size`` bytes each."""
    return (packed[at : at + size] for at in range(0, len(packed), size))


def has_part(packed: bytes, part: bytes) -> bool:
    """Whether ``part`` is one of the equally long parts of ``packed``."""
    at = packed.find(part)
    while at >= 0:
        if at % len(part) == 0:
            return True
        at = packed.find(part, at + 1)  # a match across two parts is none
    return False


def remember(campaign: Campaign, digests: bytes) -> None:
    """Remember what was decided; the oldest of the day give way beyond ``MOST_DECIDED``."""
    campaign.decided = (campaign.decided + digests)[-DIGEST_BYTES * MOST_DECIDED :]


def window_at(campaign: Campaign, at_s: float) -> Window:
    """The window that is decided at ``at_s``, made if there is none."""
    for window in campaign.windows:
        if window.at_s == at_s:
            return window
    window = Window(at_s)
    campaign.windows = sorted([*campaign.windows, window], key=lambda each: each.at_s)
    return window
