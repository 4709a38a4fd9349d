"""The iceberg: behind those who complain stand customers with the same experience who are silent.

How many were found is a count; how many there may be is an estimate of the policy's ratio. Both
are told, and neither takes the other's place.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.core.policy.insights import CustomerMoney, InsightPolicy
from schemas.insight_rows import Affected


class Money(NamedTuple):
    """What a number of ``customers`` is worth in ``currency``, and what it is made of.

    ``total`` is ``revenue`` of a year, ``replacing``, what it takes to win as many new ones beyond
    what it takes to keep these, and ``brought``, a year's revenue of those they would bring.
    """

    currency: str
    customers: float
    revenue: float
    replacing: float
    brought: float

    @property
    def total(self) -> float:
        return self.revenue + self.replacing + self.brought


class Berg(NamedTuple):
    """One iceberg: ``affected`` as counted, the ``estimated`` silent, and the money at risk."""

    affected: Affected
    estimated: float
    department: str | None
    money: Money | None


def bergs(
    affected: Iterable[Affected], policy: InsightPolicy, departments: Mapping[str, str]
) -> list[Berg]:
    """Every iceberg, the one with the most customers first."""
    found = [_berg(each, policy, departments) for each in affected]
    return sorted(
        found,
        key=lambda berg: (
            -size_of(berg.affected, berg.estimated),
            berg.affected.touchpoint,
            berg.affected.dimension,
        ),
    )


def size_of(affected: Affected, estimated: float) -> float:
    """Customers with the experience: those who complained, and the silent, found or estimated,
    whichever are more."""
    return affected.complained + max(float(affected.silent), estimated)


def money_of(customers: float, figures: CustomerMoney) -> Money:
    """What is lost if all of them leave: an upper bound, for not all will."""
    worth = figures.worth.value
    beyond = figures.new_customer_factor.value - 1.0
    return Money(
        currency=figures.currency,
        customers=customers,
        revenue=customers * worth,
        replacing=customers * figures.keep_cost.value * beyond,
        brought=customers * figures.brought_by_satisfied.value * worth,
    )


def _berg(affected: Affected, policy: InsightPolicy, departments: Mapping[str, str]) -> Berg:
    estimated = policy.silent_per_complainer.value * affected.complained
    money = None
    if policy.money is not None:
        money = money_of(size_of(affected, estimated), policy.money)
    return Berg(affected, estimated, departments.get(affected.dimension), money)
