"""What was noticed over time: several touches together, or a touch that did not come."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope
from schemas.ids import Id, Name
from schemas.touchpoints.common import Contact, Count


class PatternNoticedData(Contact):
    """``trigger`` is the id of the event that it hangs on, or of the case.

    ``department`` is whose matter it is now. ``topic`` stands as a digest: only that is kept.
    """

    pattern: Name
    trigger: Id
    count: Annotated[Count, Field(description="Of contacts, hand-overs, failures.")] = 1


class PatternNoticed(Envelope):
    """A pattern showed. Made by the pipeline and felt as a touch; never on the log."""

    type: Literal["touchpoint.pattern.noticed.v1"]
    data: PatternNoticedData
