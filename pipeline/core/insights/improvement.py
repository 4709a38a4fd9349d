"""What to improve first: the dimension that lowers a level most, where, and what tells of it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.core.insights.levels import mean_of
from pipeline.core.insights.places import Group, Places
from pipeline.core.policy.models import PolicyFile
from schemas.insight_rows import Sums


class Remedy(NamedTuple):
    """The dimension that lost most, felt at ``level`` where ``target`` is expected.

    ``touchpoint`` is where most of it is lost, ``measures`` the evidence for it there.
    """

    dimension: str
    level: float
    target: float
    department: str | None
    touchpoint: str | None
    measures: tuple[str, ...]


def sorest_touchpoints(rows: Iterable[Sums]) -> dict[str, str]:
    """The touchpoint that lost most of each dimension, of roll-ups by touchpoint."""
    most: dict[str, tuple[float, str]] = {}
    for row in rows:
        if not (row.dimension and row.value and row.lost > 0.0):
            continue
        # Of two that lost the same the first by name: an answer must not flicker.
        most[row.dimension] = min((-row.lost, row.value), most.get(row.dimension, (0.0, "")))
    return {dimension: touchpoint for dimension, (_, touchpoint) in most.items()}


def remedy_of(
    group: Group,
    touchpoints: Mapping[str, str],
    places: Places,
    file: PolicyFile,
) -> Remedy | None:
    """What to improve in ``group``; ``None`` where nothing falls short.

    ``touchpoints`` are where most is lost by dimension; of what happens at one touchpoint it is
    that one for all.
    """
    lost = [(-sums.lost, name) for name, sums in group.by_dimension.items() if sums.lost > 0.0]
    overall = mean_of(group.all)
    if not lost or overall is None or overall.level >= overall.target:
        return None
    dimension = min(lost)[1]
    mean = mean_of(group.by_dimension[dimension])
    if mean is None:  # an old failure weighs more, and no touch said anything new of it
        return None
    touchpoint = touchpoints.get(dimension)
    return Remedy(
        dimension=dimension,
        level=mean.level,
        target=mean.target,
        department=places.departments.get(dimension),
        touchpoint=touchpoint,
        measures=() if touchpoint is None else measures_of(file, touchpoint, dimension),
    )


def measures_of(file: PolicyFile, touchpoint: str, dimension: str) -> tuple[str, ...]:
    """The measures that are evidence for ``dimension`` at ``touchpoint``, each once."""
    entry = file.touchpoints.get(touchpoint)
    if entry is None:
        return ()
    rows = (row for row in entry.felt if row.dimension == dimension)
    return tuple(dict.fromkeys(row.by.measures()[0] for row in rows))
