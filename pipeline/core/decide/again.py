"""What waited is looked at again: its time has come, its campaign has spoken, its cause is gone."""

from typing import Final

from pipeline.core.care.action import Proposal
from pipeline.core.care.memory import HELD, PROPOSED, Alarm, Pending
from pipeline.core.customer import digest_of
from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.decide.judge import conclude, decide, judge
from pipeline.core.decide.waiting import ALARM, find, forget
from pipeline.core.moment import PIPELINE, Moment, Occasion
from pipeline.core.policy.care import ActionRule
from schemas.care import Cause
from schemas.touchpoints.care import CareDecided


def ring(moment: Moment, alarm: Alarm) -> list[Occasion]:
    """The alarm of something that waits: what was held is judged again, a proposal expires."""
    pending = find(moment.customer.care, alarm.about)
    if pending is not None:
        _wake(moment, pending)
    return []


def hear_verdict(moment: Moment) -> None:
    """A campaign has spoken; of what does not wait for it any more, or never did, nothing comes."""
    event = moment.event
    if not isinstance(event, CareDecided):
        return
    told = event.data
    pending = find(moment.customer.care, digest_of(told.proposal))
    if pending is None or pending.state != PROPOSED:
        return
    forget(moment.customer.care, pending)
    question = _question(moment, pending)
    if told.verdict == "not_funded":
        conclude(moment, question, Verdict("not_funded", told.reason, told.detail))
        return
    decide(moment, question, Verdict("allocated", told.reason, told.detail))
    _judge(moment, pending, question)


def withdraw(moment: Moment, notice: str) -> None:
    """A notice is taken back: what waits because of it is not done."""
    for pending in tuple(moment.customer.care.pending):
        if pending.event == notice and pending.source == PIPELINE:
            _drop(moment, pending, withhold("withdrawn", "what it was for did not happen"))


def make_room(moment: Moment) -> None:
    """Let go what has no room beside that of a customer who turned out to be this one."""
    care, most = moment.customer.care, moment.policy.limits.pending
    alarms = {alarm.about for alarm in care.alarms if alarm.kind == ALARM}
    for place, pending in enumerate(tuple(care.pending)):
        if place >= most or digest_of(pending.id) not in alarms:
            _drop(moment, pending, withhold("no_room", "too much waits for two who are one"))


def _wake(moment: Moment, pending: Pending) -> None:
    forget(moment.customer.care, pending)
    question = _question(moment, pending)
    if pending.state == HELD:
        _judge(moment, pending, question)
    else:
        detail = f"no verdict of {pending.campaign} came in time"
        conclude(moment, question, Verdict("expired", "no_verdict", detail))


def _judge(moment: Moment, pending: Pending, question: Question) -> None:
    if pending.action in moment.policy.actions:
        judge(moment, question)
    else:
        gone = withhold("not_in_policy", f"the policy has no action {pending.action} any more")
        conclude(moment, question, gone)


def _drop(moment: Moment, pending: Pending, verdict: Verdict) -> None:
    forget(moment.customer.care, pending)
    conclude(moment, _question(moment, pending), verdict)


def _question(moment: Moment, pending: Pending) -> Question:
    rule = moment.policy.actions.get(pending.action) or _GONE._replace(name=pending.action)
    channels = pending.channels or rule.channels
    proposal = Proposal(rule, pending.fields, pending.reason, channels)
    cause = Cause(pending.source, pending.event)
    occasion = Occasion(pending.trigger, cause, pending.at_s)
    held = pending.state == HELD
    return Question(pending.id, occasion, proposal, channels, again=True, held=held)


_GONE: Final = ActionRule(
    name="",
    action_class="service",
    purpose="service",
    on=(),
    channels=(),
    template="",
    cost=0.0,
    gain=0.0,
    expires_s=0.0,
    conflicts=frozenset(),
    conflict_s=0.0,
    campaign=None,
)
"""Stands for a rule that a newer policy does not have any more."""
