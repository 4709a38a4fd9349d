"""One campaign: proposals come in, wait for their window to close, and are answered all at once."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final, NamedTuple

from pipeline.core.allocate import peers
from pipeline.core.allocate.answers import Speaker
from pipeline.core.allocate.close import close_window
from pipeline.core.allocate.packing import Packer, declined_of, member_of
from pipeline.core.allocate.state import (
    DIGEST_BYTES,
    ID_BYTES,
    Campaign,
    chunks,
    digest_of,
    has_part,
    id_bytes,
    remember,
)
from pipeline.core.moment import Answer
from pipeline.core.policy.campaigns import CampaignRule, units
from pipeline.core.policy.compiled import Policy
from schemas.care import CareDeclined, CareProposal, GiftSeen

MOST_TURNED_AWAY: Final = 1_000
MANY: Final = 16
"""From so many records at once on it is cheaper to have a table of who is known."""

Told = CareProposal | CareDeclined | GiftSeen
"""What customers tell a campaign."""


class Allocated(NamedTuple):
    """A campaign after a step, what it says, and how many of its inputs were known before."""

    campaign: Campaign
    answer: Answer
    duplicates: int


def hear(
    name: str, campaign: Campaign | None, records: Sequence[Told], clock_s: float, policy: Policy
) -> Allocated:
    """Take in what customers told; ``clock_s`` is the partition's clock.

    Changes ``campaign`` in place and returns it; the caller owns it. Whoever competes waits for
    the window's end; who cannot is answered at once.
    """
    campaign = Campaign() if campaign is None else campaign
    answer, duplicates, rule = Answer(), 0, policy.campaigns.get(name)
    ear = _Ear(name, campaign, policy, clock_s=clock_s, answer=answer, records=len(records))
    for record in records:
        if not isinstance(record, GiftSeen):
            known = ear.take(record)
        elif rule is not None:
            known = not peers.see(campaign, record, rule)
        else:
            now_s = max(clock_s, record.given_at.timestamp())
            peers.spread(campaign, record, Speaker(name, now_s, answer, known=False), policy)
            known = False
        duplicates += known
    ear.done()
    _set_due(campaign, rule)
    return Allocated(campaign, answer, duplicates)


def wake(name: str, campaign: Campaign, clock_s: float, policy: Policy) -> Allocated:
    """Time has come to ``clock_s``: decide the earliest window that is over, look at peers."""
    answer, rule = Answer(), policy.campaigns.get(name)
    speaker = Speaker(name, clock_s, answer, known=rule is not None)
    if campaign.windows and campaign.windows[0].at_s + _settle_s(rule) <= clock_s:
        close_window(campaign, rule, speaker, policy)
    peers.look(campaign, rule, speaker, policy)
    _set_due(campaign, rule)
    return Allocated(campaign, answer, 0)


class _Ear:
    """Takes in proposals and those who declined, many at a time."""

    def __init__(
        self,
        name: str,
        campaign: Campaign,
        policy: Policy,
        *,
        clock_s: float,
        answer: Answer,
        records: int,
    ) -> None:
        self._campaign = campaign
        self._rule = policy.campaigns.get(name)
        self._clock_s = clock_s
        self._name = name
        self._answer = answer
        self._packer = Packer(campaign)
        many = records > MANY
        waiting = [p for each in campaign.windows for p in (each.ids, each.declined_ids)]
        self._waits = _finder(waiting, ID_BYTES, many=many)
        decided = [campaign.decided_before, campaign.decided]
        self._was_decided = _finder(decided, DIGEST_BYTES, many=many)
        self._now: set[bytes] = set()

    def take(self, record: CareProposal | CareDeclined) -> bool:
        """Take one in; whether it was known before."""
        identity = id_bytes(record.id)
        known = identity in self._now or self._waits(identity)
        if known or self._was_decided(digest_of(identity)):
            return True
        self._now.add(identity)
        if isinstance(record, CareDeclined):
            self._decline(record)
        else:
            self._propose(record)
        return False

    def done(self) -> None:
        self._packer.done()

    def _propose(self, proposal: CareProposal) -> None:
        campaign, rule = self._campaign, self._rule
        campaign.proposed += 1
        proposed_s = proposal.proposed_at.timestamp()
        if rule is None:
            self._refuse(proposal, "no_campaign", "the policy has no campaign of this name")
            return
        if rule.opens_s is not None and proposed_s < rule.opens_s:
            self._refuse(proposal, "not_open", "before the campaign opened")
            return
        at_s = _window_s(rule, proposed_s, campaign.closed_s)
        if at_s is None:
            self._refuse(proposal, "too_late", "the campaign has closed and was decided")
            peers.came_late(campaign, proposal)
            return
        member = member_of(proposal, units(proposal.cost))
        full = self._packer.members >= rule.largest_members
        if full or not self._packer.put(at_s, member):
            self._refuse(proposal, "no_room", "as many wait as the campaign takes")
            self._turn_away(proposal.cohort)

    def _decline(self, declined: CareDeclined) -> None:
        campaign, rule = self._campaign, self._rule
        campaign.declined += 1
        at_s = None
        if rule is not None and declined.cohort is not None:
            at_s = _window_s(rule, declined.declined_at.timestamp(), campaign.closed_s)
        if at_s is None:
            remember(campaign, digest_of(id_bytes(declined.id)))
        elif not self._packer.decline(at_s, declined_of(declined)):
            self._turn_away(declined.cohort)

    def _refuse(self, proposal: CareProposal, reason: str, detail: str) -> None:
        self._campaign.not_funded += 1
        now_s = max(self._clock_s, proposal.proposed_at.timestamp())
        speaker = Speaker(self._name, now_s, self._answer, known=self._rule is not None)
        speaker.verdict(proposal.customer, proposal.id, "not_funded", reason, detail)
        remember(self._campaign, digest_of(id_bytes(proposal.id)))

    def _turn_away(self, cohort: str | None) -> None:
        """One of ``cohort`` cannot be served, so none of them is."""
        away = self._campaign.turned_away
        if cohort is None or cohort in away:
            return
        if len(away) >= MOST_TURNED_AWAY:
            self._campaign.all_turned_away = True
        else:
            away.append(cohort)


def _finder(packed: Sequence[bytes], size: int, *, many: bool) -> Callable[[bytes], bool]:
    """Whether a part is among those ``packed``, each of ``size`` bytes."""
    if many:
        return {part for each in packed for part in chunks(each, size)}.__contains__
    return lambda part: any(has_part(each, part) for each in packed)


def _window_s(rule: CampaignRule, at_s: float, closed_s: float) -> float | None:
    """The end of the window for what is told of ``at_s``; ``None`` if that was the last one."""
    if rule.closes_s is not None:
        return rule.closes_s if rule.closes_s > closed_s else None
    return rule.window_after_s(max(at_s, closed_s))


def _settle_s(rule: CampaignRule | None) -> float:
    return 0.0 if rule is None else rule.settle_s


def _set_due(campaign: Campaign, rule: CampaignRule | None) -> None:
    times = [each.due_s for each in campaign.watched.values() if each.due_s is not None]
    if campaign.windows:
        times.append(campaign.windows[0].at_s + _settle_s(rule))
    campaign.due_ms = ceil(min(times) * 1000.0) if times else None
