"""Packs proposals into the windows of a campaign, and takes them out again when one is over."""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from pipeline.core.allocate.state import (
    ID_BYTES,
    LARGEST_BYTES,
    Campaign,
    Terms,
    Window,
    chunks,
    id_bytes,
    window_at,
)
from schemas.care import CareDeclined, CareProposal

MOST_TERMS: Final = 65_535
_LATEST_S: Final = 2**32 - 1
_HEAD: Final = Struct("<dIIHHB")
_DECLINED: Final = Struct("<IB")


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
