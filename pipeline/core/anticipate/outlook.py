"""How likely something is for one customer, and why: logistic in the customer's readings.

``log-odds = intercept + sum(coefficient * (reading - usual))``. The reasons are the summands, so
together with the intercept they give the probability exactly. What the numbers are worth is for
``OutlookCheck`` to tell.
"""

from math import exp
from typing import Final

from pipeline.core.anticipate.readings import Seen, reading_of
from pipeline.core.policy.outlooks import OutlookRule
from schemas.outlook import Outlook, Reason

LARGEST: Final = 30.0
"""Log-odds are cut there: beyond it a probability would round to 0 or 1, and nothing is certain."""

Taken = dict[str, float | None]
"""Readings of one customer by their key."""


def outlooks_of(seen: Seen) -> tuple[Outlook, ...]:
    """Every outlook of the policy, in the order of the file."""
    taken: Taken = {}
    return tuple([outlook_of(seen, rule, taken) for rule in seen.known.policy.outlooks])


def outlook_of(seen: Seen, rule: OutlookRule, taken: Taken) -> Outlook:
    """One outlook with its reasons, the weightiest first; what adds nothing is no reason.

    ``taken`` are the readings that another outlook asked for already.
    """
    reasons: list[Reason] = []
    total = rule.intercept
    for key, reading, dimension, usual, coefficient in rule.terms:
        if key in taken:
            value = taken[key]
        else:
            value = taken[key] = reading_of(seen, reading, dimension)
        if value is None:
            continue
        adds = coefficient * (value - usual)
        if adds != 0.0:
            total += adds
            reasons.append(Reason(key, value, adds))
    if len(reasons) > 1:
        reasons.sort(key=_weight)  # stable: of equal ones the first stays so
    return Outlook(rule.name, _probability(total), tuple(reasons))


def _weight(reason: Reason) -> float:
    return -abs(reason.adds)


def _probability(log_odds: float) -> float:
    bounded = min(max(log_odds, -LARGEST), LARGEST)
    return 1.0 / (1.0 + exp(-bounded))
