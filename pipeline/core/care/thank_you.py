"""Say thank you: for what the customer did of their own accord, and was taken up."""

from typing import Final

from pipeline.core.care.plain import plain
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.readers import reader
from schemas.care import Cause

ACTION: Final = plain("thank_you", "topic", "what")


def initiative(moment: Moment) -> tuple[Occasion, ...]:
    """What the event calls for thanks for, if the policy says so of its touchpoint."""
    event, contribution = moment.event, moment.contribution
    thank_for = moment.policy.care.thank_for
    if not thank_for or event is None or contribution is None:
        return ()
    touchpoint = contribution.touchpoint
    if touchpoint is None or touchpoint not in thank_for:
        return ()
    measure = thank_for[touchpoint]
    if measure is not None and not reader(measure)(event.data):
        return ()
    topic = None if moment.touch is None else moment.touch.topic
    what = touchpoint.replace("_", " ")
    facts = {"topic": topic or "", "what": what, "why": f"{what} of the customer's own"}
    return (Occasion("initiative", Cause(event.source, event.id), moment.at_s, facts, event),)
