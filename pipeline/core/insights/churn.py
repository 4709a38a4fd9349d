"""Why customers left, by share: as they told, else by what they had felt to be worst."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from schemas.insight_rows import Departure
from schemas.insights import ChurnReason

UNKNOWN: Final = "unknown"
"""Of those who told no reason and had felt nothing bad."""

Source = Literal["told", "felt"]


def churn_of(departures: Iterable[Departure]) -> list[ChurnReason]:
    """Reasons by how many left for them, each customer once; shares of all who left sum to 1."""
    reasons = {each.customer: _reason(each) for each in departures}
    counted = Counter(reasons.values())
    return [
        ChurnReason(reason=reason, customers=count, share=count / len(reasons), source=source)
        for (reason, source), count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]


def _reason(departure: Departure) -> tuple[str, Source]:
    if departure.reason is not None:
        return departure.reason, "told"
    if not departure.lost:
        return UNKNOWN, "felt"
    _, worst = min((value, dimension) for dimension, value in departure.lost)
    return worst, "felt"
