"""Any touchpoint that the catalogue knows and the code does not."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Contact

Measure = bool | Annotated[float, Field(ge=-1e15, le=1e15)]


class ObservedData(Contact):
    """``touchpoint`` names a catalogue entry, ``measures`` what was seen, by the entry's names."""

    touchpoint: Name
    measures: Annotated[dict[Name, Measure], Field(max_length=64)]


class Observed(Envelope):
    """A touch of a kind that is data, not code."""

    type: Literal["touchpoint.observed.v1"]
    data: ObservedData
