"""The root of a fall: the dimension, touchpoint and department that made a score lower."""

from pipeline.core.policy.check import FATIGUE
from pipeline.core.policy.models import PolicyFile
from schemas.insight_rows import FallRow
from schemas.insights import Fall


def fall_of(row: FallRow, file: PolicyFile) -> Fall:
    """What was at fault: the department that the event names, else the one that answers for it.

    A touch that nobody asked for and that felt bad in nothing has tired the customer.
    """
    dimension = row.dimension
    entry = None if row.touchpoint is None else file.touchpoints.get(row.touchpoint)
    if dimension is None and entry is not None and entry.unasked:
        dimension = FATIGUE
    return Fall(
        customer=row.customer,
        at=row.at,
        event=row.event,
        touchpoint=row.touchpoint,
        dimension=dimension,
        department=row.department or _answers_for(dimension, file),
        points=row.after - row.before,
        score=row.after,
    )


def _answers_for(dimension: str | None, file: PolicyFile) -> str | None:
    if dimension == FATIGUE:
        return file.fatigue.department
    known = None if dimension is None else file.dimensions.get(dimension)
    return None if known is None else known.department
