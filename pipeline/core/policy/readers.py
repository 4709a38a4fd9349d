"""How a measure is read from an event's data: by a path such as ``ratings.attitude``."""

from operator import attrgetter
from typing import Any

from pipeline.core.perceive.evidence import Reader


def reader(measure: str) -> Reader:
    """A function from an event's data to the measure; ``None`` where the event has none."""
    head, _, tail = measure.partition(".")
    field = attrgetter(head)
    if not tail:
        return field

    def read(data: Any) -> Any:
        inner = field(data)
        if inner is None:
            return None
        return inner.get(tail) if isinstance(inner, dict) else attrgetter(tail)(inner)

    return read
