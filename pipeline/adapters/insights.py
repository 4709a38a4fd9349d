"""Insights over a store: its sums and rows, judged by the policy. Implements the port ``Insights``.

The policy is asked for at each call: a new one counts from then on. What the store has summed it
judges by the policy of today, whatever policy a touch was felt under.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pipeline.adapters.insight_rows import InsightRows, Rows
from pipeline.core.insights.churn import churn_of
from pipeline.core.insights.costs import cost_of
from pipeline.core.insights.curve import buckets, curve_point
from pipeline.core.insights.falls import fall_of
from pipeline.core.insights.iceberg import Berg, bergs
from pipeline.core.insights.improvement import remedy_of, sorest_touchpoints
from pipeline.core.insights.levels import in_order, level_of
from pipeline.core.insights.places import (
    Group,
    Places,
    added,
    dimensions_of,
    grouped,
    places_of,
    stored_axis,
)
from pipeline.core.insights.recurring import recurring
from pipeline.core.insights.uplift import experiments_of
from pipeline.core.insights.words import basis_in_words, remedy_in_words
from pipeline.core.perceive.translator import Translator
from pipeline.core.policy.compiled import Policy
from schemas.insight_rows import Sums
from schemas.insights import (
    ActionCost,
    Axis,
    CareRule,
    ChurnReason,
    CurvePoint,
    Experiment,
    Fall,
    Grain,
    Iceberg,
    Level,
    SilentCustomer,
)

READ_LATE: Final = timedelta(days=30)
"""So long after a span the scores of its experiments are read: a benefit is felt late, and an
impression halves in that time."""


class FallPage(NamedTuple):
    """Falls, newest first, and the cursor of the next page."""

    items: Sequence[Fall]
    next: str | None


class SqlInsights:
    """Insights of ``rows`` as the ``policy`` of the moment judges them.

    ``speak`` gives the first language that is spoken of some tags: in it improvements and the
    basis of money are told.
    """

    def __init__(
        self,
        rows: InsightRows,
        policy: Callable[[], Policy],
        speak: Callable[[Sequence[str]], Translator],
    ) -> None:
        self._rows = rows
        self._policy = policy
        self._speak = speak

    def levels(
        self,
        axis: Axis,
        *,
        since: datetime,
        until: datetime,
        dimension: str | None = None,
        language: str | None = None,
    ) -> Sequence[Level]:
        """How each value of an axis stands, the largest gap first; staff by name only."""
        policy = self._policy()
        places = places_of(policy)
        stored = stored_axis(axis)
        length = until - since
        now = self._rows.sums(stored, since=since, until=until, dimension=dimension)
        past = self._rows.sums(stored, since=since - length, until=since, dimension=dimension)
        groups = grouped(axis, now, places, dimension)
        before = grouped(axis, past, places, dimension)
        remedies = self._remedies(
            axis, groups, places, policy, since=since, until=until, language=language
        )
        return in_order(
            axis,
            [
                level_of(
                    axis,
                    group.all,
                    before[value].all if value in before else None,
                    dimension=dimension,
                    department=_department(axis, value, dimension, places),
                    improvement=remedies.get(value),
                )
                for value, group in groups.items()
            ],
        )

    def curve(
        self,
        axis: Axis,
        value: str,
        *,
        grain: Grain,
        since: datetime,
        until: datetime,
        dimension: str | None = None,
    ) -> Sequence[CurvePoint]:
        """Every bucket that begins in the span, also those in which nothing was felt.

        Raises ``ValueError`` if they are too many.
        """
        places = places_of(self._policy())
        starts = list(buckets(grain, since, until))
        own = dimensions_of(axis, value, places)
        # By the policy a department has the touches of others that name none.
        values = {"department": (value, ""), "dimension": None, "layer": None}.get(axis, (value,))
        wanted = {dimension} if dimension is not None else own if values is None else None
        rows = self._rows.curve_sums(
            stored_axis(axis),
            grain=grain,
            since=since,
            until=until,
            values=values,
            dimensions=wanted,
        )
        by_start: dict[datetime, list[Sums]] = {}
        for row in rows:
            if row.start is not None:
                by_start.setdefault(row.start, []).append(row)
        return [
            curve_point(axis, start, _only(axis, value, by_start.get(start), places, dimension))
            for start in starts
        ]

    def matrix(self, *, since: datetime, until: datetime) -> Sequence[Level]:
        """Dimension by tier: ``value`` is the tier."""
        places = places_of(self._policy())
        now = self._rows.sums("tier", since=since, until=until)
        past = self._rows.sums("tier", since=since - (until - since), until=since)
        before = _cells(past, places)
        return in_order(
            "tier",
            [
                level_of(
                    "tier",
                    sums,
                    before.get(cell),
                    dimension=cell[1],
                    department=places.departments.get(cell[1]),
                )
                for cell, sums in _cells(now, places).items()
            ],
        )

    def icebergs(
        self, *, since: datetime, until: datetime, language: str | None = None
    ) -> Sequence[Iceberg]:
        """The iceberg with the most customers first."""
        policy = self._policy()
        figures = policy.file.insights
        by = self._speaker(language)
        affected = self._rows.affected(since=since, until=until)
        departments = places_of(policy).departments
        return [
            _iceberg(berg, basis_in_words(berg, figures, by))
            for berg in bergs(affected, figures, departments)
        ]

    def silent(
        self, touchpoint: str, dimension: str, limit: int, *, since: datetime, before: str | None
    ) -> Rows[SilentCustomer]:
        """``SilentCustomer``, the lowest score first."""
        return self._rows.silent(touchpoint, dimension, limit, since=since, before=before)

    def falls(self, limit: int, *, since: datetime, before: str | None) -> FallPage:
        """``Fall``, newest first."""
        page, file = self._rows.falls(limit, since=since, before=before), self._policy().file
        return FallPage([fall_of(row, file) for row in page.items], page.next)

    def churn(self, *, since: datetime, until: datetime) -> Sequence[ChurnReason]:
        """Why customers left, by share, the most frequent reason first."""
        return churn_of(self._rows.departures(since=since, until=until))

    def costs(self, *, since: datetime, until: datetime) -> Sequence[ActionCost]:
        """Each action by name."""
        return [cost_of(each) for each in self._rows.actions(since=since, until=until)]

    def experiments(self, *, since: datetime, until: datetime) -> Sequence[Experiment]:
        """Each action that was held out from somebody, by name."""
        return experiments_of(self._rows.arms(since=since, until=until, read_at=until + READ_LATE))

    def care_rules(self, *, since: datetime, until: datetime) -> Sequence[CareRule]:
        """What staff do by hand again and again, most often first."""
        cared = self._rows.cared_for(since=since, until=until)
        return recurring(cared, self._policy().file)

    def _remedies(
        self,
        axis: Axis,
        groups: Mapping[str, Group],
        places: Places,
        policy: Policy,
        *,
        since: datetime,
        until: datetime,
        language: str | None,
    ) -> dict[str, str]:
        """What to improve in each group, in words."""
        rows = (
            [] if axis == "touchpoint" else self._rows.sums("touchpoint", since=since, until=until)
        )
        sorest, by = sorest_touchpoints(rows), self._speaker(language)
        found = {}
        for value, group in groups.items():
            places_lost = (
                dict.fromkeys(group.by_dimension, value) if axis == "touchpoint" else sorest
            )
            remedy = remedy_of(group, places_lost, places, policy.file)
            if remedy is not None:
                found[value] = remedy_in_words(remedy, by)
        return found

    def _speaker(self, language: str | None) -> Translator:
        own = self._policy().file.language
        return self._speak([own] if language is None else [language, own])


def _department(axis: Axis, value: str, dimension: str | None, places: Places) -> str | None:
    if axis == "department":
        return value
    return places.departments.get(value if axis == "dimension" else dimension or "")


def _only(
    axis: Axis, value: str, rows: Sequence[Sums] | None, places: Places, dimension: str | None
) -> Sums | None:
    """The sums of ``value`` among the rows of one bucket."""
    group = grouped(axis, rows or (), places, dimension).get(value)
    return None if group is None else group.all


def _cells(rows: Sequence[Sums], places: Places) -> dict[tuple[str, str], Sums]:
    """Sums by tier and dimension."""
    found: dict[tuple[str, str], Sums] = {}
    for row in rows:
        if row.value and row.dimension:
            cell = (row.value, row.dimension)
            moved = (row.gained - row.lost) * places.points
            found[cell] = added(found.get(cell), row._replace(moved=moved))
    return found


def _iceberg(berg: Berg, basis: str) -> Iceberg:
    affected, money = berg.affected, berg.money
    return Iceberg(
        touchpoint=affected.touchpoint,
        dimension=affected.dimension,
        department=berg.department,
        complained=affected.complained,
        silent=affected.silent,
        estimated=berg.estimated,
        at_risk=None if money is None else money.total,
        currency=None if money is None else money.currency,
        basis=basis,
    )
