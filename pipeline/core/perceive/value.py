"""Perceived value: quality against the time, the effort and the money it took the customer.

Each sacrifice counts in units of what is acceptable: waiting, transfers and steps of a menu,
repeated contacts, fees. The value is the satisfaction ratio over the weighted burden, where 1 is
a burden as acceptable.
"""

from collections.abc import Sequence

from pipeline.core.customer import Burden, Customer
from pipeline.core.perceive.decay import EVIDENCE, Scales
from pipeline.core.policy.numbers import Value

_LARGEST = 2.0


def book_sacrifices(
    customer: Customer,
    measures: Sequence[tuple[str, float]],
    weight: float,
    again: bool,
    constants: Value,
) -> None:
    """Add what a touch cost the customer: kinds, and measures in acceptable units.

    ``weight`` is that of its time. What is done ``again`` should not have been needed: it costs as
    it does, and an acceptable effort besides, and is no touch of its own to share it.
    """
    if again:
        _burden(customer, "effort").spent += weight
    for kind, measure in measures:
        burden = _burden(customer, kind)
        burden.spent += weight * min(max(measure, 0.0), constants.largest_burden)
        burden.times += 0.0 if again else weight


def _burden(customer: Customer, kind: str) -> Burden:
    burden = customer.burdens.get(kind)
    if burden is None:
        burden = customer.burdens[kind] = Burden()
    return burden


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
