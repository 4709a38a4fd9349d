"""A window is over: who gets what, who waits for another day, and who is told why not."""

from collections.abc import Iterable
from typing import Final

from pipeline.core.allocate import peers
from pipeline.core.allocate.answers import Speaker
from pipeline.core.allocate.choose import DAILY, Item, choose, items_of, limits_of
from pipeline.core.allocate.packing import Declined, Packer, declined_in, members_of
from pipeline.core.allocate.state import (
    Campaign,
    Spent,
    Window,
    digest_of,
    id_text,
    remember,
    window_at,
)
from pipeline.core.policy.campaigns import UNITS, CampaignRule
from pipeline.core.policy.compiled import Policy
from schemas.care import Unserved

_DETAILS: Final = {
    "no_campaign": "the policy has no campaign of this name any more",
    "too_late": "past its time",
    "no_gain": "nothing would be gained",
    "partial": "some of the cohort are missing",
    "budget": "what is left of the budget does not suffice",
    "budget_per_day": "what is left of the day's budget does not suffice",
    "capacity": "what is left of the day's capacity does not suffice",
    "stock": "what is left in stock does not suffice",
}


def close_window(
    campaign: Campaign, rule: CampaignRule | None, speaker: Speaker, policy: Policy
) -> None:
    """Decide all that waits for the earliest window, at the speaker's time."""
    window = campaign.windows[0]
    if rule is not None and rule.closes_s is not None and window.at_s < rule.closes_s:
        _move(campaign, window, rule.closes_s)  # the policy gave it more time
        return
    campaign.windows.remove(window)
    campaign.closed_s = max(campaign.closed_s, window.at_s)
    if rule is not None:
        new_day(campaign, rule.day_of(speaker.now_s))
    closing = _Closing(campaign, rule, speaker)
    closing.decide(window)
    if not campaign.windows:
        campaign.terms = []
        campaign.turned_away, campaign.all_turned_away = [], False
    speaker.report(
        campaign,
        rule,
        policy.ref.digest,
        window=f"{window.at_s}",
        unserved=closing.unserved(),
    )


def new_day(campaign: Campaign, day: int) -> None:
    """Begin ``day``, if it has not begun; time goes forward only."""
    if day > campaign.day:
        campaign.day = day
        campaign.spent_day = {}
        campaign.decided_before, campaign.decided = campaign.decided, b""


class _Closing:
    """The decision on one window."""

    def __init__(self, campaign: Campaign, rule: CampaignRule | None, speaker: Speaker) -> None:
        self._campaign = campaign
        self._rule = rule
        self._speaker = speaker
        self._cohorts: list[Unserved] = []
        self._singles: dict[str, Spent] = {}
        self._waiting: list[Item] = []
        self._digests: list[bytes] = []

    def decide(self, window: Window) -> None:
        campaign, rule = self._campaign, self._rule
        members = members_of(campaign, window)
        if rule is None:
            for member in members:
                self._say_no(member.customer, member.id, "no_campaign")
            remember(campaign, b"".join(self._digests))
            return
        declined = list(declined_in(window))
        fit: list[Item] = []
        for item in items_of(rule, members, declined):
            reason = self._unfit(item, rule)
            if reason is None:
                fit.append(item)
            else:
                self._refuse(item, reason)
        limits = limits_of(rule, campaign.spent, campaign.spent_day)
        next_s = rule.window_after_s(max(self._speaker.now_s, window.at_s))
        pool = rule.every_s is not None
        last = not pool or rule.day_of(next_s) > campaign.day
        refused = choose(fit, limits, last=last, pool=pool)
        for item in fit:
            reason = refused.get(item.key)
            if reason is None:
                self._allocate(item)
            elif self._may_wait(item, reason, next_s, rule):
                self._waiting.append(item)
                self._count(item, f"{reason}_today")
            else:
                self._refuse(item, reason)
        self._keep(next_s, declined)
        remember(campaign, b"".join(self._digests))

    def unserved(self) -> Iterable[Unserved]:
        yield from self._cohorts
        for reason, spent in sorted(self._singles.items()):
            yield Unserved(None, spent.actions, spent.money / UNITS, reason)

    def _unfit(self, item: Item, rule: CampaignRule) -> str | None:
        """Why an item is not to be served whatever there is left."""
        now_s = self._speaker.now_s
        if now_s > item.expires_s or (rule.not_after_s is not None and now_s > rule.not_after_s):
            return "too_late"
        if item.value <= 0.0:
            return "no_gain"
        if item.cohort is not None:
            away = self._campaign.all_turned_away or item.cohort in self._campaign.turned_away
            if away or len(item.members) < item.expected:
                return "partial"
        return None

    def _may_wait(self, item: Item, reason: str, next_s: float, rule: CampaignRule) -> bool:
        """Whether another day may have room for it, in time."""
        if reason not in DAILY:
            return False
        until_s = (
            item.expires_s if rule.not_after_s is None else min(item.expires_s, rule.not_after_s)
        )
        if next_s + rule.settle_s > until_s:
            return False
        empty = limits_of(rule, {}, {})
        return all(limit.need(item) <= limit.whole for limit in empty)

    def _allocate(self, item: Item) -> None:
        campaign = self._campaign
        for member in item.members:
            for spent in (campaign.spent, campaign.spent_day):
                of_tier = spent.setdefault(member.terms.tier, Spent())
                of_tier.actions += 1
                of_tier.money += member.terms.cost
            self._answered(member.id)
            self._speaker.verdict(member.customer, id_text(member.id), "allocated", "funded")
        if item.cohort is not None:
            peers.expect(campaign, item.cohort, len(item.members))

    def _refuse(self, item: Item, reason: str) -> None:
        for member in item.members:
            self._say_no(member.customer, member.id, reason)
        self._count(item, reason)
        if item.cohort is not None:
            peers.expect(self._campaign, item.cohort, len(item.members))

    def _say_no(self, customer: str, identity: bytes, reason: str) -> None:
        self._campaign.not_funded += 1
        self._answered(identity)
        detail = _DETAILS[reason]
        self._speaker.verdict(customer, id_text(identity), "not_funded", reason, detail)

    def _answered(self, identity: bytes) -> None:
        self._digests.append(digest_of(identity))

    def _count(self, item: Item, reason: str) -> None:
        if item.cohort is not None:
            self._cohorts.append(
                Unserved(item.cohort, len(item.members), item.cost / UNITS, reason)
            )
            return
        spent = self._singles.setdefault(reason, Spent())
        spent.actions += 1
        spent.money += item.cost

    def _keep(self, next_s: float, declined: Iterable[Declined]) -> None:
        """Let what waits go on waiting; what was declined of its cohorts with it."""
        if not self._waiting:
            return
        cohorts = {item.cohort for item in self._waiting if item.cohort is not None}
        packer = Packer(self._campaign)
        # All of it had room before, and takes no more than it did.
        for item in self._waiting:
            for member in item.members:
                packer.put(next_s, member)
        for each in declined:
            if each.cohort in cohorts:
                packer.decline(next_s, each)
        packer.done()


def _move(campaign: Campaign, window: Window, at_s: float) -> None:
    """Let what waits for ``window`` wait until ``at_s``."""
    campaign.windows.remove(window)
    later = window_at(campaign, at_s)
    later.ids += window.ids
    later.heads += window.heads
    later.names += window.names
    later.declined_ids += window.declined_ids
    later.declined += window.declined
