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
from pipeline.core.perceive.decay import CONTACTS
from pipeline.core.policy.numbers import DAY_S

NAME: Final = "hovering"
# What rounding may add: the same contacts must count the same, however time was told.
_ROUNDING: Final = 1e-9
_LARGEST_DOUBLINGS: Final = 1_000.0
"""More than these do not fit into a float."""


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
    half_life_s = customer.half_lives_s[CONTACTS]
    doublings = customer.landmarks[CONTACTS] - now_s / half_life_s
    if doublings > _LARGEST_DOUBLINGS:
        return 0.0, 0.0  # so late that what there was then is no longer known
    scale, count = 2.0**doublings, 0.0
    for crowd in customer.crowds.values():
        count += crowd.count * scale
    return count, 2.0 ** ((moment.at_s - now_s) / half_life_s)


PATTERN: Final = Pattern(NAME, (), _watch)
