"""Judges a proposal: the guards are asked in a fixed order, and the first that objects decides.

So every decision not to act has exactly one recorded reason, and every proposal exactly one final
decision: requested, withheld, not funded or expired. What is held, or with a campaign, is judged
again when its time comes. A cause that is told again leads to nothing: it was decided on.
"""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.care.actions import ACTIONS
from pipeline.core.decide.campaign import decline, propose
from pipeline.core.decide.contacts import release, reserve
from pipeline.core.decide.done import remember_done, was_decided
from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.decide.guards import GUARDS
from pipeline.core.decide.waiting import wait
from pipeline.core.moment import Moment, Occasion
from pipeline.core.profile import tier_of
from schemas.care import CareAction, CareDecision
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
        if was_decided(moment.customer.care, identity):
            # Told again long after: the decision stands, and this is no other proposal.
            moment.answer.tell("repeated", rule.name)
            continue
        moment.answer.tell("proposed", rule.name)
        judge(moment, Question(identity, occasion, proposal, proposal.channels))


def judge(moment: Moment, question: Question) -> None:
    """Ask the guards, and say what was decided."""
    for guard in GUARDS:
        answer = guard(moment, question)
        if answer is None:
            continue
        if isinstance(answer, Verdict):
            conclude(moment, question, answer)
            return
        question = answer
    _request(moment, question)


def conclude(moment: Moment, question: Question, verdict: Verdict) -> None:
    """Carry out a verdict other than to act: let it wait, or let it go."""
    if verdict.outcome in ("held", "proposed"):
        no_room = wait(moment, question, verdict)
        if no_room is None:
            _let_wait(moment, question, verdict)
            return
        verdict = withhold("no_room", no_room)
    release(moment.customer.care, question.id)
    decline(moment, question, verdict)
    decide(moment, question, verdict)


def _let_wait(moment: Moment, question: Question, verdict: Verdict) -> None:
    assert verdict.until_s is not None  # noqa: S101 - tells the type checker, not the reader
    reserve(moment, question, verdict.until_s)
    if verdict.outcome == "proposed":
        propose(moment, question, verdict.until_s)
    if not question.held:  # an id has each outcome once
        decide(moment, question, verdict)


def _request(moment: Moment, question: Question) -> None:
    proposal, occasion = question.proposal, question.occasion
    rule, customer = proposal.rule, moment.customer
    reserve(moment, question, moment.now_s)
    first, *fallbacks = question.channels
    action = CareAction(
        id=question.id,
        action=rule.name,
        action_class=rule.action_class,
        customer=moment.name,
        channel=first,
        cause=occasion.cause,
        decided_at=_decided_at(moment, question),
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
        needs_approval=rule.needs_approval,
    )
    moment.answer.say(ACTION_TOPIC, action)
    then = ACTIONS[rule.name].requested
    if then is not None:
        then(moment, occasion)
    decide(moment, question, Verdict(_REQUESTED, _REQUESTED, proposal.why))


def decide(moment: Moment, question: Question, verdict: Verdict) -> None:
    """Write a decision into the ledger, and remember that its cause was decided on."""
    occasion, rule = question.occasion, question.proposal.rule
    until = None if verdict.until_s is None else datetime.fromtimestamp(verdict.until_s, UTC)
    decision = CareDecision(
        id=question.id,
        action=rule.name,
        customer=moment.name,
        cause=occasion.cause,
        decided_at=_decided_at(moment, question),
        outcome=verdict.outcome,
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
    moment.answer.tell("decided", rule.name, verdict.outcome, verdict.reason)
    most = moment.policy.limits.remembered_actions
    remember_done(moment.customer.care, question.id, most)


def _decided_at(moment: Moment, question: Question) -> datetime:
    """In event time: that of the cause, of what waited that of the moment that ended it."""
    at_s = moment.at_s if question.again else question.occasion.at_s
    return datetime.fromtimestamp(at_s, UTC)
