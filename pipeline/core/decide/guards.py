"""The guards in the order in which they are asked.

What concerns the cause comes first, then the customer's own word, then what is good for the
customer, then what it costs; what may change by waiting comes last. Each has one reason:

====================  ==================================================================
*the action's own*    such as ``not_wanted`` or ``below_threshold``
``too_late``          (expired) its cause is too long ago
``no_consent``        the customer has closed the channel for the purpose
``silence``           the customer is left in peace
``hold_out``          one of the share that goes without
``conflict``          what does not go with it went out, or is to go
``open_complaint``    a failure has not been made good
``over_delivery``     the customer has more than enough
``worthless``         it brings no more than it costs
``cool_down``         another of its class not long ago
``cap``               enough contacts on the channel, of the class, or in all
``quiet_hours``       (held, or expired if they end too late)
``campaign``          (proposed)
====================  ==================================================================

Outside of this order: ``no_room`` where nothing more can be remembered, ``withdrawn`` and
``not_in_policy`` for what waited and lost its cause or its rule, ``no_verdict`` (expired) where a
campaign did not speak in time. What is not funded has the campaign's own reason.
"""

from typing import Final

from pipeline.core.decide.campaign import campaign
from pipeline.core.decide.caps import caps, cool_down
from pipeline.core.decide.cause import expired
from pipeline.core.decide.conflicts import conflict
from pipeline.core.decide.consent import consent
from pipeline.core.decide.experiment import hold_out
from pipeline.core.decide.guard import Guard, Question, Verdict, withhold
from pipeline.core.decide.peace import open_complaint, silence
from pipeline.core.decide.quiet import quiet_hours
from pipeline.core.decide.worth import over_delivery, worthless
from pipeline.core.moment import Moment


def own_reason(moment: Moment, question: Question) -> Verdict | None:
    """The action's own reason not to be done."""
    against = question.proposal.against
    return None if against is None else withhold(*against)


GUARDS: Final[tuple[Guard, ...]] = (
    own_reason,
    expired,
    consent,
    silence,
    hold_out,
    conflict,
    open_complaint,
    over_delivery,
    worthless,
    cool_down,
    caps,
    quiet_hours,
    campaign,
)
