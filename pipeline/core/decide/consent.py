"""Consent: a channel that the customer has closed for a purpose is not used for it.

Selling needs a yes; service and care need that nobody said no. A task of the company's own staff
is no contact and asks for none.
"""

from typing import Final, cast

from pipeline.core.decide.guard import Question, Verdict, withhold
from pipeline.core.moment import Moment
from pipeline.core.profile import consented
from schemas.touchpoints.common import Channel

_OWN: Final = frozenset(("staff", "none"))


def consent(moment: Moment, question: Question) -> Verdict | Question | None:
    """Leave the channels that are open; withhold if none is."""
    purpose = question.proposal.rule.purpose
    needed = purpose == "marketing"
    open_to: list[str] = []
    for channel in question.channels:
        if channel in _OWN:
            open_to.append(channel)
            continue
        said = consented(moment.customer, cast(Channel, channel), purpose)
        if said or (said is None and not needed):
            open_to.append(channel)
    if not open_to:
        named = ", ".join(question.channels)
        return withhold("no_consent", f"{named} closed for {purpose}")
    if len(open_to) == len(question.channels):
        return None
    return question._replace(channels=tuple(open_to))
