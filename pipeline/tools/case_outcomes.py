"""Holds the cases of a replay to what the data say of each: hand-overs, reopenings, its clock."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import duckdb

from pipeline.tools.case_counts import Case
from pipeline.tools.mapping import MappingError, read_mapping, run_mapping
from pipeline.tools.tables import load_table, open_database

FIGURES: Final = ("hand_overs", "reopened", "breached")
"""What can be compared, by the names of the outcome query's columns."""

Figures = Mapping[str, int | None]
"""One case by ``FIGURES``; ``None`` is not known. ``breached`` is 0 or 1."""


class Difference(NamedTuple):
    """One case of which the replay counted one thing, and the data tell another."""

    case: str
    counted: int
    told: int


class Compared(NamedTuple):
    """One figure over all cases of which the data tell it: ``cases == equal + differ``."""

    figure: str
    cases: int
    counted: int
    told: int
    equal: int
    differ: int
    differences: tuple[Difference, ...]


class Confusion(NamedTuple):
    """In how many cases a clock ran out by both, by one alone, and by neither."""

    both: int
    counted_only: int
    told_only: int
    neither: int


class Comparison(NamedTuple):
    """Every figure that the outcomes have; cases of only one side are named, and not compared."""

    figures: tuple[Compared, ...]
    confusion: Confusion | None
    not_counted: tuple[str, ...]
    not_told: tuple[str, ...]


def read_outcomes(source: Path, outcomes: Path) -> dict[str, Figures]:
    """What the query ``outcomes`` tells of each case in the file ``source``.

    Raises ``MappingError`` and ``SourceError``.
    """
    asked = read_mapping(outcomes)
    with (
        TemporaryDirectory(prefix="touchpoint-cases-") as folder,
        open_database(Path(folder)) as db,
    ):
        load_table(db, source, asked.options)
        run_mapping(db, asked)
        figures = _checked(db, asked.name)
        columns = "".join(f", {name}::BIGINT" for name in figures)
        rows = db.execute(
            f'SELECT "case"::VARCHAR{columns} FROM mapped WHERE "case" IS NOT NULL ORDER BY 1'  # noqa: S608
        ).fetchall()
    told: dict[str, Figures] = {}
    for case, *values in rows:
        if case in told:
            raise MappingError(f"{asked.name}: case {case!r} has two outcomes; GROUP BY")
        told[case] = dict(zip(figures, values, strict=True))
    if not told:
        raise MappingError(f"{asked.name}: the query gives no case")
    return told


def compare(
    cases: Iterable[Case], told: Mapping[str, Figures], *, clock: str | None = None
) -> Comparison:
    """Hold each case to what is ``told`` of the case of its name.

    ``clock`` names the only one whose running out counts; by default any does.
    """
    counted = {case.last.case: _figures_of(case, clock) for case in cases}
    both = [name for name in told if name in counted]
    figures = [name for name in FIGURES if any(name in each for each in told.values())]
    return Comparison(
        figures=tuple(_compared(name, both, counted, told) for name in figures),
        confusion=_confusion(both, counted, told) if "breached" in figures else None,
        not_counted=tuple(name for name in told if name not in counted),
        not_told=tuple(sorted(name for name in counted if name not in told)),
    )


def _checked(db: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """The figures that the query gives. Raises ``MappingError`` for unknown or wrong columns."""
    columns = {str(r[0]): str(r[1]) for r in db.execute("DESCRIBE mapped").fetchall()}
    unknown = [column for column in columns if column not in ("case", *FIGURES)]
    if unknown:
        known = ", ".join(("case", *FIGURES))
        raise MappingError(f"{name}: unknown column {unknown[0]!r}; known: {known}")
    if "case" not in columns:
        raise MappingError(f"{name}: the query gives no column 'case'")
    if columns.get("breached", "BOOLEAN") != "BOOLEAN":
        raise MappingError(f"{name}: breached is {columns['breached']}; it must be BOOLEAN")
    figures: list[str] = [figure for figure in FIGURES if figure in columns]
    if not figures:
        raise MappingError(f"{name}: the query gives none of {', '.join(FIGURES)}")
    return figures


def _figures_of(case: Case, clock: str | None) -> Figures:
    breached = case.last.breaches > 0 if clock is None else clock in case.breached
    return {
        "hand_overs": case.last.hand_overs,
        "reopened": case.last.reopened,
        "breached": int(breached),
    }


def _pairs(
    figure: str, names: Sequence[str], counted: Mapping[str, Figures], told: Mapping[str, Figures]
) -> list[Difference]:
    """Both sides' figure of every case that has it, equal or not."""
    pairs = ((name, counted[name][figure], told[name][figure]) for name in names)
    return [
        Difference(name, one, other)
        for name, one, other in pairs
        if one is not None and other is not None
    ]


def _compared(
    figure: str, names: Sequence[str], counted: Mapping[str, Figures], told: Mapping[str, Figures]
) -> Compared:
    pairs = _pairs(figure, names, counted, told)
    differences = tuple(pair for pair in pairs if pair.counted != pair.told)
    return Compared(
        figure=figure,
        cases=len(pairs),
        counted=sum(pair.counted for pair in pairs),
        told=sum(pair.told for pair in pairs),
        equal=len(pairs) - len(differences),
        differ=len(differences),
        differences=differences,
    )


def _confusion(
    names: Sequence[str], counted: Mapping[str, Figures], told: Mapping[str, Figures]
) -> Confusion:
    pairs = [(pair.counted, pair.told) for pair in _pairs("breached", names, counted, told)]
    return Confusion(
        both=pairs.count((1, 1)),
        counted_only=pairs.count((1, 0)),
        told_only=pairs.count((0, 1)),
        neither=pairs.count((0, 0)),
    )
