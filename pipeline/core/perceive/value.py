"""Perceived value: quality against the time, the effort and the money it took the customer.

Each sacrifice counts in units of what is acceptable: waiting, transfers and steps of a menu,
repeated contacts, fees. The value is the satisfaction ratio over the weighted burden, where 1 is
a burden as acceptable.
"""

from typing import Any

from pipeline.core.customer import Burden, Customer
from pipeline.core.perceive.decay import EVIDENCE, Scales
from pipeline.core.policy.numbers import Value
from pipeline.core.policy.plan import Plan

_LARGEST = 2.0


def book_sacrifices(
    customer: Customer, plan: Plan, data: Any, weight: float, constants: Value
) -> None:
    """Add what a touch cost the customer; ``weight`` is that of its time."""
    for kind, read, acceptable in plan.sacrifices:
        measure = read(data)
        if measure is None:
            continue
        burden = customer.burdens.get(kind)
        if burden is None:
            burden = customer.burdens[kind] = Burden()
        burden.spent += weight * min(max(measure, 0.0) / acceptable, constants.largest_burden)
        burden.times += weight


def book_repeat(customer: Customer, weight: float) -> None:
    """Add the effort of coming again for what should have been settled: one acceptable touch."""
    burden = customer.burdens.get("effort")
    if burden is None:
        burden = customer.burdens["effort"] = Burden()
    burden.spent += weight


def burden_of(customer: Customer, kind: str, scale: Scales, constants: Value) -> float:
    """The burden of one kind, shrunk to 1 while there is little evidence."""
    burden = customer.burdens.get(kind)
    if burden is None:
        return 1.0
    prior = constants.prior
    return (burden.spent * scale[EVIDENCE] + prior) / (burden.times * scale[EVIDENCE] + prior)


def perceived_value(ratio: float, customer: Customer, scale: Scales, constants: Value) -> float:
    """The ratio against what it took, in [0, 2]."""
    if not customer.burdens:
        return ratio
    total = 0.0
    for kind, share in constants.shares.items():
        total += share * burden_of(customer, kind, scale, constants)
    if total <= 0.0:
        return _LARGEST
    return min(ratio / total, _LARGEST)
