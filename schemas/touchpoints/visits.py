"""Visits: the customer in a shop, or staff at the customer's home."""

from typing import Literal

from schemas.envelope import Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Contact, Seconds


class VisitCompletedData(Contact):
    """One visit, from arrival to leaving."""

    place: Literal["shop", "home", "other"] = "shop"
    site: Name | None = None
    wait_seconds: Seconds | None = None
    promised_wait_seconds: Seconds | None = None
    service_seconds: Seconds | None = None
    served: bool = True

    @property
    def settled(self) -> bool | None:
        """Whether the matter was settled: who leaves unserved has settled nothing."""
        return self.resolved if self.served else False


class VisitCompleted(Envelope):
    """A visit has ended; ``served`` is false if the customer left unserved."""

    type: Literal["touchpoint.visit.completed.v1"]
    data: VisitCompletedData
