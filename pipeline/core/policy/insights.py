"""What the policy file says of insights: how many keep silent, and what a customer is worth."""

from pipeline.core.policy.constants import (
    FactorConstant,
    NotNegativeConstant,
    PositiveConstant,
    Section,
    ShareConstant,
)
from schemas.touchpoints.common import Currency


class CustomerMoney(Section):
    """What a customer is worth, in ``currency``.

    ``worth`` is a year's revenue, ``keep_cost`` what it takes to keep a customer for it. To win a
    new one costs ``new_customer_factor`` times as much. ``brought_by_satisfied`` is how many new
    customers a satisfied one brings.
    """

    currency: Currency
    worth: PositiveConstant
    keep_cost: PositiveConstant
    new_customer_factor: FactorConstant
    brought_by_satisfied: ShareConstant


class InsightPolicy(Section):
    """Figures for estimates: without ``money`` none is told as money.

    ``silent_per_complainer`` is how many customers stand behind each who complains.
    """

    silent_per_complainer: NotNegativeConstant = NotNegativeConstant(
        value=20.0,
        source="20 customers with the same complaint behind each who complains; a folk figure",
    )
    money: CustomerMoney | None = None
