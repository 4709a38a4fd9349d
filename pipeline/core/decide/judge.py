"""Judges a proposal: the guards are asked in a fixed order, and the first that objects decides.

So every decision not to act has exactly one recorded reason, and every proposal exactly one final
decision: requested, withheld, not funded or expired. What is held, or with a campaign, is judged
again when its time comes.
"""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.care.actions import ACTIONS
from pipeline.core.customer import DIGEST_BYTES, digest_of
from pipeline.core.decide.guard import Question, Verdict
from pipeline.core.decide.guards import GUARDS
from pipeline.core.moment import Moment, Occasion
from pipeline.core.profile import tier_of
from schemas.care import CareAction, CareDecision, DecisionOutcome
from schemas.ids import action_id
from schemas.topics import ACTIONS as ACTION_TOPIC
from schemas.topics import DECISIONS

_REQUESTED: Final = "requested"


def consider(moment: Moment, occasion: Occasion) -> None:
    """Let every action that waits for this occasion be proposed and judged."""
    for rule in moment.policy.triggers.get(occasion.trigger, ()):
        if rule.campaign != occasion.facts.get("campaign", rule.campaign):
            continue  # put forward for another campaign
        proposal = ACTIONS[rule.name].propose(moment, occasion, rule)
        if proposal is None:
            continue
        cause = occasion.cause
        identity = action_id(rule.name, moment.name, cause.source, cause.event)
        moment.answer.tell("proposed", rule.name)
        judge(moment, Question(identity, occasion, proposal, proposal.channels))


def judge(moment: Moment, question: Question) -> None:
    """Ask the guards, and say what was decided."""
    for guard in GUARDS:
        answer = guard(moment, question)
        if isinstance(answer, Question):
            question = answer
        elif answer is not None:
            _decide(moment, question, answer)
            return
    _request(moment, question)


def _request(moment: Moment, question: Question) -> None:
    proposal, occasion = question.proposal, question.occasion
    rule, customer = proposal.rule, moment.customer
    first, *fallbacks = question.channels
    decided_at = datetime.fromtimestamp(occasion.at_s, UTC)
    action = CareAction(
        id=question.id,
        action=rule.name,
        action_class=rule.action_class,
        customer=moment.name,
        channel=first,
        cause=occasion.cause,
        decided_at=decided_at,
        reason=proposal.why,
        template=rule.template,
        fields=dict(proposal.fields),
        policy=moment.policy.ref.digest,
        purpose=rule.purpose,
        fallbacks=tuple(fallbacks),
        expires_at=datetime.fromtimestamp(occasion.at_s + rule.expires_s, UTC),
        quiet=question.quiet,
        language=customer.profile.language,
        campaign=rule.campaign,
        cost=rule.cost,
        expected_gain=rule.gain,
    )
    moment.answer.say(ACTION_TOPIC, action)
    _decide(moment, question, Verdict(_REQUESTED, _REQUESTED, proposal.why))


def _decide(moment: Moment, question: Question, verdict: Verdict) -> None:
    occasion, rule = question.occasion, question.proposal.rule
    outcome: DecisionOutcome = verdict.outcome
    until = None if verdict.until_s is None else datetime.fromtimestamp(verdict.until_s, UTC)
    decision = CareDecision(
        id=question.id,
        action=rule.name,
        customer=moment.name,
        cause=occasion.cause,
        decided_at=datetime.fromtimestamp(occasion.at_s, UTC),
        outcome=outcome,
        reason=verdict.reason,
        detail=verdict.detail,
        policy=moment.policy.ref.digest,
        action_class=rule.action_class,
        trigger=occasion.trigger,
        channel=question.channels[0] if question.channels else None,
        until=until,
        campaign=rule.campaign,
        tier=tier_of(moment.customer, moment.policy),
        cost=rule.cost,
        expected_gain=rule.gain,
    )
    moment.answer.say(DECISIONS, decision)
    moment.answer.tell("decided", rule.name, outcome, verdict.reason)
    if verdict.reason != "same_cause":
        _remember(moment, question)


def _remember(moment: Moment, question: Question) -> None:
    care, most = moment.customer.care, moment.policy.limits.remembered_actions
    digest = digest_of(question.id)
    if digest not in _digests(care.done):
        care.done = (care.done + digest)[-DIGEST_BYTES * most :]


def _digests(done: bytes) -> set[bytes]:
    return {done[at : at + DIGEST_BYTES] for at in range(0, len(done), DIGEST_BYTES)}
