"""The operator's page: where the service stands, where it falls, who is silent, what it costs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, get_args

from pipeline.adapters.console.figures import curve_figure
from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.ports import Insights
from pipeline.adapters.http.rows import read_as
from schemas.insights import Axis, Fall, Level

AXES: Final[tuple[Axis, ...]] = get_args(Axis)

_MOST_FALLS: Final = 200
_SHOWN_FALLS: Final = 25
_EVERY_SECONDS: Final = 60
# The steps of the heat map, in gap to the target: a zone of tolerance is 0.2 wide.
_STEPS: Final = (0.02, 0.05, 0.1)


class Wish(NamedTuple):
    """What is to be shown: one axis, one value and one dimension of it, over so many days."""

    axis: Axis
    value: str | None
    dimension: str | None
    days: int


class Heat(NamedTuple):
    """The heat map: rows of cells by dimension, one for each tier, ``None`` where nothing is."""

    tiers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Level | None, ...]], ...]


def view_operator(ask: Ask, wish: Wish) -> View:
    """The page; without insights it says so."""
    insights = ask.sources.insights
    shows: dict[str, object] = {"wish": wish, "axes": AXES, "known": insights is not None}
    if insights is not None:
        shows |= _numbers(ask, insights, wish)
    title = ask.say.gettext("Operator")
    # Sums over all customers: seconds of the database's work where there are a million.
    return View("operator.html", title, shows, live=("score",), every_seconds=_EVERY_SECONDS)


def _numbers(ask: Ask, insights: Insights, wish: Wish) -> dict[str, object]:
    until, language = ask.now, ask.say.language
    since = until - timedelta(days=wish.days)
    levels = insights.levels(
        wish.axis, since=since, until=until, dimension=wish.dimension, language=language
    )
    value = wish.value if wish.value is not None else _first(levels)
    falls = read_as(insights.falls(_MOST_FALLS, since=since, before=None).items, list[Fall])
    return {
        "since": since,
        "until": until,
        "heat": heat_of(insights.matrix(since=since, until=until)),
        "levels": levels,
        "departments": insights.levels("department", since=since, until=until, language=language),
        "value": value,
        **_curve(ask, insights, wish._replace(value=value), since),
        "falls": [fall for fall in falls if _concerns(fall, wish)][:_SHOWN_FALLS],
        "churn": insights.churn(since=since, until=until),
        "icebergs": insights.icebergs(since=since, until=until, language=language),
        "costs": insights.costs(since=since, until=until),
        "rules": insights.care_rules(since=since, until=until),
    }


def _curve(ask: Ask, insights: Insights, wish: Wish, since: datetime) -> dict[str, object]:
    if wish.value is None:
        return {"curve": None, "points": ()}
    points = insights.curve(
        wish.axis,
        wish.value,
        # Cohorts are not summed by the hour.
        grain="hour" if wish.days <= 2 and wish.axis != "cohort" else "day",
        since=since,
        until=ask.now,
        dimension=wish.dimension,
    )
    felt = any(point.level is not None for point in points)
    return {"curve": curve_figure(points, ask.say) if felt else None, "points": points}


def heat_of(cells: Sequence[Level]) -> Heat:
    """Dimension by tier, the dimension with the worst gap first."""
    tiers = tuple(sorted({cell.value for cell in cells}))
    by_place = {(cell.dimension or "", cell.value): cell for cell in cells}
    dimensions = sorted({dimension for dimension, _ in by_place})

    def worst(dimension: str) -> float:
        cells = (by_place.get((dimension, tier)) for tier in tiers)
        return min((c.gap for c in cells if c is not None and c.gap is not None), default=1.0)

    rows = (
        (dimension, tuple(by_place.get((dimension, tier)) for tier in tiers))
        for dimension in sorted(dimensions, key=worst)
    )
    return Heat(tiers, tuple(rows))


def step_of(gap: float | None) -> str:
    """The colour class of a gap: from ``low3``, far below the target, to ``high3``."""
    if gap is None:
        return "none"
    size = sum(abs(gap) >= step for step in _STEPS)
    return "even" if size == 0 else f"{'low' if gap < 0 else 'high'}{size}"


def _concerns(fall: Fall, wish: Wish) -> bool:
    """Whether a fall belongs to the value that is looked at; all do where none was chosen."""
    if wish.dimension is not None and fall.dimension != wish.dimension:
        return False
    if wish.value is None or wish.axis not in ("dimension", "touchpoint", "department"):
        return True
    return bool(getattr(fall, wish.axis) == wish.value)


def _first(levels: Sequence[Level]) -> str | None:
    return levels[0].value if levels else None
