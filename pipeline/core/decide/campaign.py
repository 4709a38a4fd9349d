"""What needs a campaign's means is proposed to it; who is not to have it is counted there too."""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.decide.guard import Question, Verdict
from pipeline.core.decide.worth import worth_of_point
from pipeline.core.moment import Moment
from pipeline.core.profile import tier_of
from schemas.care import CareDeclined, CareProposal
from schemas.topics import PROPOSALS

_NOMINATED: Final = "nominated"


def campaign(moment: Moment, question: Question) -> Verdict | None:
    """Propose; what comes again was allocated."""
    rule = question.proposal.rule
    if rule.campaign is None or question.again:
        return None
    until_s = question.occasion.at_s + rule.expires_s
    return Verdict("proposed", "campaign", f"competes in {rule.campaign}", until_s)


def propose(moment: Moment, question: Question, until_s: float) -> None:
    """Put the proposal before its campaign."""
    rule, customer, policy = question.proposal.rule, moment.customer, moment.policy
    assert rule.campaign is not None  # noqa: S101 - the guard has looked
    record = CareProposal(
        id=question.id,
        campaign=rule.campaign,
        action=rule.name,
        customer=moment.name,
        tier=tier_of(customer, policy),
        proposed_at=datetime.fromtimestamp(question.occasion.at_s, UTC),
        expires_at=datetime.fromtimestamp(until_s, UTC),
        value=rule.gain * worth_of_point(customer, policy),
        cost=rule.cost,
        cohort=customer.profile.cohort,
        cohort_size=_cohort_size(question),
    )
    moment.answer.say(PROPOSALS, record, rule.campaign)


def decline(moment: Moment, question: Question, verdict: Verdict) -> None:
    """Tell the campaign of one who was put forward for it and does not get before it."""
    rule = question.proposal.rule
    if rule.campaign is None or question.again or question.occasion.trigger != _NOMINATED:
        return
    record = CareDeclined(
        id=question.id,
        campaign=rule.campaign,
        customer=moment.name,
        declined_at=datetime.fromtimestamp(question.occasion.at_s, UTC),
        reason=verdict.reason,
        cohort=moment.customer.profile.cohort,
        cohort_size=_cohort_size(question),
    )
    moment.answer.say(PROPOSALS, record, rule.campaign)


def _cohort_size(question: Question) -> int | None:
    said = question.occasion.facts.get("cohort_size", "")
    return int(said) if said else None
