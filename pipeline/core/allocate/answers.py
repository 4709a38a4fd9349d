"""What a campaign says: its verdict on each proposal, as an event to the customer, and reports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from pipeline.core.allocate.choose import Limit, limits_of
from pipeline.core.allocate.state import Campaign, Spent
from pipeline.core.moment import PIPELINE, Answer
from pipeline.core.policy.campaigns import UNITS, CampaignRule
from schemas.care import CampaignReport, Unserved
from schemas.ids import action_id
from schemas.topics import CAMPAIGNS, EVENTS
from schemas.touchpoints.care import Verdict

DECIDED: Final = "touchpoint.care.decided.v1"
MOST_UNSERVED: Final = 50
_UNKNOWN: Final = "unknown"


class _VerdictData(msgspec.Struct, frozen=True):
    proposal: str
    campaign: str
    verdict: Verdict
    reason: str
    detail: str


class _VerdictEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``CareDecided`` as it is written."""

    specversion: str = "1.0"
    id: str
    source: str = PIPELINE
    type: str = DECIDED
    subject: str
    time: datetime
    data: _VerdictData


class Speaker:
    """Says what one campaign decides, at one time; ``known`` is false if no policy names it."""

    def __init__(self, name: str, now_s: float, answer: Answer, *, known: bool = True) -> None:
        self.name = name
        self.now_s = now_s
        self._at = datetime.fromtimestamp(now_s, UTC)
        self._answer = answer
        self._label = name if known else _UNKNOWN

    def verdict(
        self, customer: str, proposal: str, verdict: Verdict, reason: str, detail: str = ""
    ) -> None:
        """Answer one proposal; the same one always by an event of the same id."""
        event = _VerdictEvent(
            id=action_id("decided", customer, self.name, proposal),
            subject=customer,
            time=self._at,
            data=_VerdictData(proposal, self.name, verdict, reason, detail),
        )
        self._answer.say(EVENTS, event, key=customer)
        self._answer.tell("verdict", self._label, verdict, reason)

    def disparity(self, *, found: bool) -> None:
        self._answer.tell("noticed", "peer_disparity", "noticed" if found else "even")

    def report(
        self,
        campaign: Campaign,
        rule: CampaignRule | None,
        policy: str,
        *,
        window: str,
        unserved: Iterable[Unserved] = (),
        disparities: Sequence[Unserved] = (),
    ) -> None:
        """How the campaign stands; ``window`` tells this report from its others."""
        limits = {} if rule is None else _by_reason(rule, campaign)
        report = CampaignReport(
            id=action_id("report", "", self.name, window),
            campaign=self.name,
            at=self._at,
            proposed=campaign.proposed,
            allocated=sum(each.actions for each in campaign.spent.values()),
            not_funded=campaign.not_funded,
            declined=campaign.declined,
            spent=_money(campaign.spent),
            spent_today=_money(campaign.spent_day),
            budget=_limit(rule and rule.budget),
            budget_per_day=_limit(rule and rule.budget_per_day),
            capacity_left=_left(limits.get("capacity")),
            stock_left=_left(limits.get("stock")),
            unserved=_largest(unserved),
            disparities=_largest(disparities),
            policy=policy,
        )
        self._answer.say(CAMPAIGNS, report, key=self.name)


def _by_reason(rule: CampaignRule, campaign: Campaign) -> dict[str, Limit]:
    return {limit.reason: limit for limit in limits_of(rule, campaign.spent, campaign.spent_day)}


def _money(spent: Mapping[str, Spent]) -> float:
    return sum(each.money for each in spent.values()) / UNITS


def _limit(money: int | None) -> float | None:
    return None if money is None else money / UNITS


def _left(limit: Limit | None) -> int | None:
    return None if limit is None else max(0, limit.left)


def _largest(unserved: Iterable[Unserved]) -> tuple[Unserved, ...]:
    every = sorted(unserved, key=lambda each: (-each.members, each.cohort or "", each.reason))
    return tuple(every[:MOST_UNSERVED])
