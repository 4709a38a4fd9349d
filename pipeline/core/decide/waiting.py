"""What was decided for and waits: held until a time of day, or before its campaign."""

from typing import Final

import msgspec

from pipeline.core.care.memory import HELD, PROPOSED, Alarm, Care, Pending, arm, disarm
from pipeline.core.customer import digest_of
from pipeline.core.decide.guard import Question, Verdict
from pipeline.core.moment import Moment

ALARM: Final = "held"
"""The kind of the alarms at which it is looked at again."""


def wait(moment: Moment, question: Question, verdict: Verdict) -> str | None:
    """Let the proposal wait as ``verdict`` says; or why there is no room for it."""
    care, limits = moment.customer.care, moment.policy.limits
    until_s = verdict.until_s
    assert until_s is not None  # noqa: S101 - what waits waits for something
    pending = _pending(question, verdict, until_s)
    size = len(msgspec.msgpack.encode(pending))
    if size > limits.pending_bytes:
        return f"it takes {size} bytes to wait; at most {limits.pending_bytes}"
    if len(care.pending) >= limits.pending:
        return f"{limits.pending} others wait already"
    alarm = Alarm(until_s, until_s, ALARM, digest_of(question.id), "")
    if not arm(care, alarm, limits.alarms):
        return f"{limits.alarms} alarms are set already"
    care.pending.append(pending)
    return None


def find(care: Care, digest: bytes) -> Pending | None:
    """The waiting action whose id has this digest."""
    return next((each for each in care.pending if digest_of(each.id) == digest), None)


def forget(care: Care, pending: Pending) -> None:
    """It waits no more."""
    care.pending = [each for each in care.pending if each is not pending]
    disarm(care, ALARM, digest_of(pending.id))


def _pending(question: Question, verdict: Verdict, until_s: float) -> Pending:
    occasion, proposal = question.occasion, question.proposal
    return Pending(
        id=question.id,
        action=proposal.rule.name,
        trigger=occasion.trigger,
        source=occasion.cause.source,
        event=occasion.cause.event,
        at_s=occasion.at_s,
        until_s=until_s,
        expires_s=occasion.at_s + proposal.rule.expires_s,
        state=HELD if verdict.outcome == "held" else PROPOSED,
        reason=proposal.why,
        fields=dict(proposal.fields),
        campaign=proposal.rule.campaign,
        channels=proposal.channels,
    )
