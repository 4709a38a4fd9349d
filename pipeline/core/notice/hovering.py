"""Too many unasked contacts, and the customer has not asked for any: the clerk who follows around.

``C``, the unasked contacts of all channels with each fading as ``fatigue`` lets it, has risen above
``free_contacts``, and the customer sought no contact within the policy's days. Not felt on its own:
fatigue is in the score. It shows once, until the contacts have faded or the customer comes.
"""

from typing import Final

from pipeline.core.care.recent import latest
from pipeline.core.moment import Moment
from pipeline.core.notice.contacts import is_sought, is_unasked
from pipeline.core.notice.pattern import Finding, Found, Pattern
from pipeline.core.perceive.decay import CONTACTS, scales
from pipeline.core.policy.numbers import DAY_S

NAME: Final = "hovering"
# What rounding may add: the same contacts must count the same, however time was told.
_ROUNDING: Final = 1e-9


def _watch(moment: Moment) -> list[Finding]:
    rule, event = moment.policy.patterns.hovering, moment.event
    if rule is None or event is None:
        return []
    recent = moment.customer.care.recent
    if is_sought(moment):
        recent.sought_s = latest(recent.sought_s, moment.at_s)
        recent.hovering = False
        return []
    if not is_unasked(moment):
        return []
    recent.unasked_s = now_s = max(moment.at_s, recent.unasked_s or moment.at_s)
    count, this = _count(moment, now_s)
    free = moment.policy.fatigue.free_contacts + _ROUNDING
    if count - this <= free:
        recent.hovering = False  # what there was has faded
    sought_s = recent.sought_s
    asked = sought_s is not None and now_s - sought_s < rule.within_days.value * DAY_S
    if count <= free or asked or recent.hovering:
        return []
    recent.hovering = True
    facts = {"what": f"{count:.1f} unasked contacts and none asked for", "count": f"{count:.0f}"}
    return [Found(NAME, event.source, event.id, moment.at_s, facts=facts)]


def _count(moment: Moment, now_s: float) -> tuple[float, float]:
    """The unasked contacts of all channels as of ``now_s``, and what this one is of them."""
    customer = moment.customer
    scale = scales(customer, now_s)[CONTACTS]
    count = 0.0
    for crowd in customer.crowds.values():
        count += crowd.count * scale
    return count, 2.0 ** ((moment.at_s - now_s) / customer.half_lives_s[CONTACTS])


PATTERN: Final = Pattern(NAME, (), _watch)
