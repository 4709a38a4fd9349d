"""The state of one campaign: who waits, packed, and what was spent so far."""

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from schemas.care import CareDeclined, CareProposal

ID_BYTES: Final = 16
DIGEST_BYTES: Final = 6
LARGEST_BYTES: Final = 7_000_000
"""Of all that wait: a state must fit into a record, of which a broker takes some 8 MB."""

MOST_DECIDED: Final = 100_000
MOST_TERMS: Final = 65_535
_LATEST_S: Final = 2**32 - 1

_HEAD: Final = Struct("<dIIHHB")
_DECLINED: Final = Struct("<IB")


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

    @property
    def members(self) -> int:
        return sum(window.members for window in self.windows)

    @property
    def size(self) -> int:
        """Bytes that all that wait take."""
        return sum(window.size for window in self.windows)


class Member(NamedTuple):
    """One proposal that waits; ``size`` is that of its cohort as far as it was told, else 0."""

    id: bytes
    customer: str
    cohort: str
    size: int
    value: float
    expires_s: int
    terms: Terms


class Declined(NamedTuple):
    """One who gets nothing by own wish or by rule."""

    id: bytes
    cohort: str
    size: int


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


class Packer:
    """Packs members into windows; many at a time cost little more than one."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._numbers = {terms: number for number, terms in enumerate(campaign.terms)}
        self._parts: dict[float, tuple[list[bytes], ...]] = {}
        self.members = campaign.members
        self.size = campaign.size

    def put(self, at_s: float, member: Member) -> bool:
        """Let ``member`` wait for ``at_s``; false if there is no room."""
        number = self._numbers.get(member.terms, len(self._numbers))
        customer, cohort = member.customer.encode(), member.cohort.encode()
        size = self.size + ID_BYTES + _HEAD.size + len(customer) + len(cohort)
        if size > LARGEST_BYTES or number >= MOST_TERMS:
            return False
        if member.terms not in self._numbers:
            self._numbers[member.terms] = number
            self._campaign.terms.append(member.terms)
        head = _HEAD.pack(
            member.value, member.expires_s, member.size, number, len(customer), len(cohort)
        )
        ids, heads, names, _, _ = self._of(at_s)
        ids.append(member.id)
        heads.append(head)
        names += (customer, cohort)
        self.size = size
        self.members += 1
        return True

    def decline(self, at_s: float, declined: Declined) -> bool:
        """Take note of one who declined; false if there is no room."""
        cohort = declined.cohort.encode()
        size = self.size + ID_BYTES + _DECLINED.size + len(cohort)
        if size > LARGEST_BYTES:
            return False
        *_, ids, records = self._of(at_s)
        ids.append(declined.id)
        records += (_DECLINED.pack(declined.size, len(cohort)), cohort)
        self.size = size
        return True

    def done(self) -> None:
        """Write what was put into the campaign."""
        for at_s, parts in self._parts.items():
            window = window_at(self._campaign, at_s)
            ids, heads, names, declined_ids, declined = map(b"".join, parts)
            window.ids += ids
            window.heads += heads
            window.names += names
            window.declined_ids += declined_ids
            window.declined += declined
        self._parts = {}

    def _of(self, at_s: float) -> tuple[list[bytes], ...]:
        parts = self._parts.get(at_s)
        if parts is None:
            parts = self._parts[at_s] = ([], [], [], [], [])
        return parts


def member_of(proposal: CareProposal, cost: int) -> Member:
    """A proposal as it waits. Raises ``ValueError`` if its id is none."""
    return Member(
        id=id_bytes(proposal.id),
        customer=proposal.customer,
        cohort=proposal.cohort or "",
        size=proposal.cohort_size or 0,
        value=proposal.value,
        expires_s=min(int(proposal.expires_at.timestamp()), _LATEST_S),
        terms=Terms(proposal.action, proposal.tier, cost),
    )


def declined_of(record: CareDeclined) -> Declined:
    """One who declined, as is remembered. Raises ``ValueError`` if its id is none."""
    return Declined(id_bytes(record.id), record.cohort or "", record.cohort_size or 0)


def members_of(campaign: Campaign, window: Window) -> Iterator[Member]:
    """Everybody who waits in a window."""
    at, names = 0, window.names
    heads = _HEAD.iter_unpack(window.heads)
    for identity, head in zip(chunks(window.ids, ID_BYTES), heads, strict=True):
        value, expires_s, size, number, customer, cohort = head
        middle, end = at + customer, at + customer + cohort
        name, peers = names[at:middle].decode(), names[middle:end].decode()
        at = end
        yield Member(identity, name, peers, size, value, expires_s, campaign.terms[number])


def declined_in(window: Window) -> Iterator[Declined]:
    """Everybody in a window who declined."""
    at, packed = 0, window.declined
    for identity in chunks(window.declined_ids, ID_BYTES):
        size, length = _DECLINED.unpack_from(packed, at)
        at += _DECLINED.size
        yield Declined(identity, packed[at : at + length].decode(), size)
        at += length
