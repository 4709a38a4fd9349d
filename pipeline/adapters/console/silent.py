"""Under the water: customers who felt what others complained of, and kept silent."""

from datetime import timedelta
from typing import Final, NamedTuple

from pipeline.adapters.console.ports import Ask
from pipeline.adapters.console.view import View
from pipeline.adapters.http.rows import read_as
from schemas.insights import SilentCustomer

_MOST: Final = 100


class Experience(NamedTuple):
    """What was felt: the dimension that lost most at a touchpoint, in the last ``days``."""

    touchpoint: str
    dimension: str
    days: int


def view_silent(ask: Ask, felt: Experience, *, before: str | None = None) -> View:
    """The page; without insights it says so. ``ValueError`` if ``before`` is no cursor."""
    insights = ask.sources.insights
    shows: dict[str, object] = {"felt": felt, "known": insights is not None}
    if insights is not None:
        since = ask.now - timedelta(days=felt.days)
        page = insights.silent(felt.touchpoint, felt.dimension, _MOST, since=since, before=before)
        shows |= {"silent": read_as(page.items, list[SilentCustomer]), "older": page.next}
    return View("silent.html", ask.say.gettext("Silent customers"), shows)
