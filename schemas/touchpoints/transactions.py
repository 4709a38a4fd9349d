"""Card and account transactions."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Data, Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Currency, Money


class TransactionCompletedData(Data):
    """One transaction. ``amount`` is in units of ``currency``, not in cents."""

    amount: Money
    currency: Currency
    kind: Literal["purchase", "withdrawal", "transfer", "deposit", "refund", "fee", "other"] = (
        "purchase"
    )
    merchant: Annotated[str | None, Field(max_length=128)] = None
    account: Annotated[
        Name | None, Field(description="A masked account or card, as the customer knows it.")
    ] = None
    approved: bool = True


class TransactionCompleted(Envelope):
    """A transaction was made, or refused if ``approved`` is false."""

    type: Literal["touchpoint.transaction.completed.v1"]
    data: TransactionCompletedData
