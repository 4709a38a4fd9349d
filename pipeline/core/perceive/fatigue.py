"""Too much attention: unasked contacts beyond the free ones cost, and ever more of them.

The cost is ``eta * huber(max(0, C - C*))``: quadratic near ``C*``, then linear, so that ten
contacts do not drive a score to nothing. ``C`` is the decayed count of unasked contacts.
"""

from pipeline.core.policy.plan import Fatigue


def fatigue_cost(contacts: float, fatigue: Fatigue) -> float:
    """What ``contacts`` cost in log-odds, zero or more."""
    beyond = contacts - fatigue.free_contacts
    if beyond <= 0.0:
        return 0.0
    width = fatigue.huber_width
    if beyond <= width:
        return fatigue.cost * beyond * beyond / 2.0
    return fatigue.cost * width * (beyond - width / 2.0)
