"""Chooses who is served: the most gain for the cost first, cohorts whole, lanes kept for tiers."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from math import fsum
from typing import Final, NamedTuple

from pipeline.core.allocate.packing import Declined, Member
from pipeline.core.allocate.state import Spent
from pipeline.core.policy.campaigns import UNITS, CampaignRule

_LEAST_COST: Final = 0.01
"""What costs nothing is compared as if it cost this."""

_ROUNDING: Final = 1e-9
"""A share of 0.29 of 100 is 29."""

DAILY: Final = frozenset(("capacity", "budget_per_day"))
"""Reasons that pass with the day."""


class Item(NamedTuple):
    """What is served as one: a cohort, or a customer who has none.

    ``key`` names it and ``rank`` orders items: the most gain per cost first. ``tier`` is that of
    all its members, ``None`` if they differ. ``expected`` are as many as were put forward, as far
    as that was told, less those who declined.
    """

    key: str
    rank: tuple[float, bytes, str]
    cohort: str | None
    members: tuple[Member, ...]
    expected: int
    tier: str | None
    value: float
    cost: int
    expires_s: int


def items_of(
    rule: CampaignRule, members: Iterable[Member], declined: Iterable[Declined]
) -> list[Item]:
    """What is served as one, in the order in which it is served."""
    peers: dict[str, list[Member]] = {}
    items: list[Item] = []
    for member in members:
        if rule.whole and member.cohort:
            peers.setdefault(member.cohort, []).append(member)
        else:
            items.append(_item(rule, None, [member], 0, 0))
    sizes: dict[str, int] = {}
    absent: dict[str, int] = {}
    for each in declined:
        if each.cohort in peers:
            sizes[each.cohort] = max(each.size, sizes.get(each.cohort, 0))
            absent[each.cohort] = absent.get(each.cohort, 0) + 1
    for cohort, those in peers.items():
        size = max(sizes.get(cohort, 0), *(member.size for member in those))
        items.append(_item(rule, cohort, those, size, absent.get(cohort, 0)))
    items.sort(key=lambda item: item.rank)
    return items


def _item(
    rule: CampaignRule, cohort: str | None, those: list[Member], size: int, absent: int
) -> Item:
    those.sort()  # by id: in the order of no arrival
    key = those[0].id.hex() if cohort is None else cohort
    tiers = {member.terms.tier for member in those}
    value = fsum(member.value for member in those)
    cost = sum(member.terms.cost for member in those)
    worth = value / max(cost / UNITS, _LEAST_COST)
    lot = blake2b(f"{rule.name}\0{key}".encode(), digest_size=8).digest()
    return Item(
        key=key,
        rank=(-worth, lot, key),
        cohort=cohort,
        members=tuple(those),
        expected=size - absent,
        tier=tiers.pop() if len(tiers) == 1 else None,
        value=value,
        cost=cost,
        expires_s=min(member.expires_s for member in those),
    )


class Limit:
    """One of a campaign's means, what is left of it, and what of that is kept for tiers."""

    def __init__(
        self, rule: CampaignRule, reason: str, whole: int, spent: Mapping[str, Spent]
    ) -> None:
        self.reason = reason
        self.money = reason.startswith("budget")
        used = {tier: each.money if self.money else each.actions for tier, each in spent.items()}
        self.whole = whole
        self.left = whole - sum(used.values())
        self._kept = {
            tier: max(0, int(whole * share + _ROUNDING) - used.get(tier, 0))
            for tier, share in rule.lanes.items()
        }

    def need(self, item: Item) -> int:
        return item.cost if self.money else len(item.members)

    def has_room(self, item: Item, *, lanes: bool) -> bool:
        """Whether ``item`` fits; with ``lanes`` beside what is kept for tiers not its own."""
        kept = 0
        if lanes and self._kept:
            kept = sum(room for tier, room in self._kept.items() if tier != item.tier)
        return self.need(item) <= self.left - kept

    def take(self, item: Item) -> None:
        need = self.need(item)
        self.left -= need
        if item.tier in self._kept:
            self._kept[item.tier] = max(0, self._kept[item.tier] - need)


def limits_of(
    rule: CampaignRule, spent: Mapping[str, Spent], spent_day: Mapping[str, Spent]
) -> list[Limit]:
    """What limits a campaign, as the policy says now, less what was spent before."""
    wholes = (
        ("budget", rule.budget, spent),
        ("stock", rule.stock, spent),
        ("capacity", rule.capacity_per_day, spent_day),
        ("budget_per_day", rule.budget_per_day, spent_day),
    )
    return [Limit(rule, name, whole, used) for name, whole, used in wholes if whole is not None]


def choose(items: Iterable[Item], limits: list[Limit], *, last: bool, pool: bool) -> dict[str, str]:
    """The reason of every item that is not served, by its key.

    What does not fit whole is skipped, and smaller ones behind it may still fit. Lanes are kept
    first; what nobody of their tier took falls to all in the ``last`` window of the day, but the
    lanes of a ``pool``'s whole budget and stock, which no window is the last of.
    """
    skipped = [item for item in items if _refusal(item, limits, lanes=True) is not None]
    left: dict[str, str] = {}
    for item in skipped:
        reason = _refusal(item, limits, lanes=not last, for_ever=pool)
        if reason is not None:
            left[item.key] = reason
    return left


def _refusal(item: Item, limits: list[Limit], *, lanes: bool, for_ever: bool = False) -> str | None:
    """Why ``item`` does not fit; if it does, what it takes is taken."""
    for limit in limits:
        kept = lanes or (for_ever and limit.reason not in DAILY)
        if not limit.has_room(item, lanes=kept):
            return limit.reason
    for limit in limits:
        limit.take(item)
    return None
