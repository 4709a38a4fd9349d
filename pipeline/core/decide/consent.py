"""Consent: a channel that the customer has closed for a purpose is not used for it.

Selling needs a yes; service and care need that nobody said no. A task of the company's own staff
is no contact and asks for none.
"""

from typing import cast

from pipeline.core.decide.guard import Objection, Question, Verdict, without
from pipeline.core.moment import Moment
from pipeline.core.policy.ways import is_contact
from pipeline.core.profile import consented
from schemas.touchpoints.common import Channel


def consent(moment: Moment, question: Question) -> Verdict | Question | None:
    """Leave the channels that are open; withhold if none is."""
    purpose = question.proposal.rule.purpose
    closed: dict[str, Objection] = {}
    for channel in question.channels:
        if not is_contact(channel):
            continue
        said = consented(moment.customer, cast(Channel, channel), purpose)
        if said is False:
            closed[channel] = Objection("no_consent", f"{channel} is closed for {purpose}")
        elif said is None and purpose == "marketing":
            closed[channel] = Objection("no_consent", f"nobody opened {channel} for {purpose}")
    return without(question, closed) if closed else None
