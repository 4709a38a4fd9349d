"""Whether peers who compare are treated alike: a gift to some of a cohort is worse than to none."""

from typing import Final

from pipeline.core.allocate.answers import Speaker
from pipeline.core.allocate.state import DIGEST_BYTES, Campaign, Shown, Watched, digest_of, has_part
from pipeline.core.policy.campaigns import CampaignRule
from pipeline.core.policy.compiled import Policy
from schemas.care import CareProposal, GiftSeen, Unserved

SHOWN_S: Final = 24 * 3_600.0
"""A batch shows itself to all of a cohort within a day."""
MOST_WATCHED: Final = 50_000
"""Cohorts of one campaign; the earliest give way. Two members each are all that may wait."""


def expect(campaign: Campaign, cohort: str, members: int) -> None:
    """From now on a gift to one of ``cohort`` is one of ``members``. Who is alone has no peers."""
    if members > 1:
        campaign.watched[cohort] = Watched(members)
        while len(campaign.watched) > MOST_WATCHED:
            del campaign.watched[next(iter(campaign.watched))]


def came_late(campaign: Campaign, proposal: CareProposal) -> None:
    """One more peer of a cohort that was decided on before."""
    watched = campaign.watched.get(proposal.cohort or "")
    if watched is not None:
        watched.expected += 1


def see(campaign: Campaign, gift: GiftSeen, rule: CampaignRule) -> bool:
    """Take note of a gift; false if it was known before."""
    watched = campaign.watched.get(gift.cohort)
    if watched is None:
        return True  # nobody compares, or it is long ago
    digest = digest_of(gift.customer.encode())
    if has_part(watched.got, digest):
        return False
    watched.got += digest
    if watched.due_s is None:
        watched.due_s = gift.given_at.timestamp() + rule.shown_s
    return True


def spread(campaign: Campaign, gift: GiftSeen, speaker: Speaker, policy: Policy) -> None:
    """A gift of a batch that the policy knows nothing of: it may not trickle into a cohort.

    How many they are nobody says here, but whoever has it a day after the first had seen it.
    """
    given_s = gift.given_at.timestamp()
    shown = campaign.shown.get(gift.cohort)
    if shown is None:
        campaign.shown[gift.cohort] = Shown(given_s, given_s)
        while len(campaign.shown) > MOST_WATCHED:
            del campaign.shown[next(iter(campaign.shown))]
        return
    shown.first_s, shown.last_s = min(shown.first_s, given_s), max(shown.last_s, given_s)
    if shown.told or shown.last_s - shown.first_s <= SHOWN_S:
        return
    shown.told = True
    speaker.disparity(found=True)
    late = (Unserved(gift.cohort, 1, 0.0, "peer_disparity"),)
    window = f"spread {gift.cohort}"
    speaker.report(campaign, None, policy.ref.digest, window=window, disparities=late)


def look(campaign: Campaign, rule: CampaignRule | None, speaker: Speaker, policy: Policy) -> None:
    """Report every cohort of which by now only some have their gift."""
    uneven: list[Unserved] = []
    due_s = 0.0
    for cohort, watched in list(campaign.watched.items()):
        if watched.due_s is None or watched.due_s > speaker.now_s:
            continue
        del campaign.watched[cohort]
        without = watched.expected - len(watched.got) // DIGEST_BYTES
        speaker.disparity(found=without > 0)
        if without > 0:
            due_s = max(due_s, watched.due_s)
            uneven.append(Unserved(cohort, without, 0.0, "peer_disparity"))
    if uneven:
        window = f"disparity {due_s}"
        speaker.report(campaign, rule, policy.ref.digest, window=window, disparities=uneven)
