"""Too much attention: unasked contacts that crowd each other cost, and ever more of them.

On one channel, with weights ``w_i = 2 ** (-age_i / h)``, ``n = sum(w_i)`` counts the contacts and
``m = n ** 2 / sum(w_i ** 2)`` how many of them crowd each other (Kish's effective size): ``m``
contacts on one day are ``m``, one a year is one. The cost is ``n * H(m) / m``, where ``H`` is
``eta * huber(max(0, m - free))``: quadratic at first, then linear, so that ten contacts do not
drive a score to nothing. On one day that is ``H(n)``. Without a new contact ``m`` stays and ``n``
halves with ``h``: the cost fades exactly as the impressions do that it spoilt, so silence never
moves a score away from its baseline, and order does not matter. A lone contact long after many
makes them crowd less, so it may relieve what is left of their cost.
"""

from pipeline.core.customer import Customer
from pipeline.core.perceive.decay import CONTACTS, CROWDING, Scales
from pipeline.core.policy.numbers import Fatigue


def crowding_cost(count: float, squared: float, fatigue: Fatigue) -> float:
    """What contacts cost in log-odds, zero or more.

    ``count`` is the sum of the contacts' weights, ``squared`` that of their squares.
    """
    if squared <= 0.0:
        return 0.0
    crowding = count * count / squared
    beyond = crowding - fatigue.free_contacts
    if beyond <= 0.0:
        return 0.0
    width = fatigue.huber_width
    if beyond <= width:
        cost = fatigue.cost * beyond * beyond / 2.0
    else:
        cost = fatigue.cost * width * (beyond - width / 2.0)
    return cost * count / crowding


def fatigue_cost(customer: Customer, fatigue: Fatigue, scale: Scales) -> float:
    """What the unasked contacts of all channels cost, in log-odds, zero or more."""
    total = 0.0
    for crowd in customer.crowds.values():
        count, squared = crowd.count * scale[CONTACTS], crowd.squared * scale[CROWDING]
        total += crowding_cost(count, squared, fatigue)
    return total
