"""What is told of outlooks: a probability, its reasons, and later whether it came true."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Probability = Annotated[float, Meta(ge=0, le=1)]


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One reading of a customer and what it adds to the log-odds."""

    reading: str
    value: float
    adds: float


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """How likely something is within the policy's horizon; ``reasons`` the weightiest first.

    What the reasons add and the policy's intercept sum to the log-odds of ``probability``.
    """

    name: str
    probability: Probability
    reasons: tuple[Reason, ...]


class OutlookCheck(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An outlook against what then happened, written once its horizon has passed or it came true.

    ``id`` is made of outlook, customer and ``made_at``.
    """

    id: str
    outlook: str
    customer: str
    tier: str
    made_at: datetime
    horizon_days: float
    probability: Probability
    happened: bool
    settled_at: datetime
    policy: str
