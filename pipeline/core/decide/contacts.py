"""What is remembered of actions that went out or are still to go: for caps, cool-down, conflicts.

A place is reserved when an action is requested, held or proposed, and given back if it comes to
nothing. There are as many places as the policy says; if all of them still matter there is room
for no other action, so that no cap is broken because something was forgotten.
"""

from collections.abc import Iterator

from pipeline.core.care.memory import Care, Contacted
from pipeline.core.customer import digest_of
from pipeline.core.decide.guard import Question
from pipeline.core.moment import Moment
from pipeline.core.policy.care import ActionRule
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.ways import CONTACTS, KINDS, mask_of


def others(moment: Moment, question: Question) -> Iterator[Contacted]:
    """What is remembered but the question's own reservation."""
    own = digest_of(question.id)
    return (each for each in moment.customer.care.contacted if each.action != own)


def has_room(moment: Moment, question: Question) -> bool:
    """Whether the action can be remembered, or need not be."""
    if not _matters(question.proposal.rule, _mask(question, moment.policy), moment.policy):
        return True
    own = digest_of(question.id)
    kept = [each for each in _recent(moment) if each.action != own]
    return len(kept) < moment.policy.limits.remembered_contacts


def reserve(moment: Moment, question: Question, at_s: float) -> None:
    """Remember an action that goes out at ``at_s``, or may do so until then."""
    policy, care, rule = moment.policy, moment.customer.care, question.proposal.rule
    mask = _mask(question, policy)
    if not _matters(rule, mask, policy):
        return
    own = digest_of(question.id)
    kept = [each for each in _recent(moment) if each.action != own]
    if len(kept) < policy.limits.remembered_contacts:
        kind = KINDS[rule.action_class]
        kept.append(Contacted(own, at_s, kind, mask, digest_of(rule.name)))
    care.contacted = kept


def release(care: Care, identity: str) -> None:
    """Give the place back of an action that came to nothing."""
    own = digest_of(identity)
    care.contacted = [each for each in care.contacted if each.action != own]


def narrow(care: Care, identity: str, channel: str | None, at_s: float) -> None:
    """An action was done at ``at_s`` by ``channel``: the other channels are free again."""
    own = digest_of(identity)
    for each in care.contacted:
        if each.action == own:
            each.at_s = max(each.at_s, at_s)
            if channel is not None and each.channels:
                each.channels = mask_of((channel,))


def _recent(moment: Moment) -> list[Contacted]:
    """What is remembered and may still matter."""
    remembered_s, now_s = moment.policy.decide.remembered_s, moment.now_s
    return [
        each for each in moment.customer.care.contacted
        if each.at_s > now_s - remembered_s[each.kind]
    ]  # fmt: skip


def _mask(question: Question, policy: Policy) -> int:
    """What the action counts for: nothing, if it passes every cap."""
    if question.proposal.rule.action_class in policy.decide.passing:
        return 0
    return mask_of(question.channels)


def _matters(rule: ActionRule, mask: int, policy: Policy) -> bool:
    said = policy.decide
    if mask & CONTACTS and said.caps:
        return True
    return rule.name in said.rivals or bool(mask and rule.action_class in said.cool_s)
