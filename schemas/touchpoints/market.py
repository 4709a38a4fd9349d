"""The market: what rivals let this customer expect."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Data, Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Share


class RivalOfferedData(Data):
    """A rival's offer that the customer knows of, as the quality it promises on a dimension."""

    rival: Name | None = None
    dimension: Name
    level: Annotated[Share, Field(description="The quality offered, in [0, 1].")]


class RivalOffered(Envelope):
    """A rival's offer reached the customer."""

    type: Literal["touchpoint.market.rival_offered.v1"]
    data: RivalOfferedData
