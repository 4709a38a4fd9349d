"""Says what a score is worth: how well it told, in somebody's real data, what went badly later."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import duckdb
import numpy as np

from pipeline.core.policy.compiled import Policy
from pipeline.tools.auc import Curve, curves
from pipeline.tools.event_columns import make_events
from pipeline.tools.histories import (
    READINGS,
    Histories,
    Progress,
    histories_of,
    live,
    mean,
    readings_at,
)
from pipeline.tools.mapping import Mapping, MappingError, read_mapping, run_mapping
from pipeline.tools.tables import load_table, open_database, quoted

MEAN: Final = "mean of felt qualities"
LAST: Final = "last felt quality"
FEWEST: Final = "few events"
"""Baselines that every data set has; high is good, so few events are taken for the better sign."""

_OWN: Final = "baseline."
_KNOWN: Final = ("subject", "outcome", "until", "label")
_TABLE: Final = "outcome.outcomes"
_BATCH: Final = 2_000


class Assessment(NamedTuple):
    """What readings were worth for one outcome.

    Of ``customers`` so many came out ``bad``; ``without_events`` had an outcome and no event
    before it, and are left out. ``best`` is the best of ``baselines``; ``curves`` are by reading.
    """

    label: str
    customers: int
    bad: int
    without_events: int
    best: str
    baselines: tuple[str, ...]
    curves: dict[str, Curve]


class AssessReport(NamedTuple):
    """What was read, and an assessment for each label, in order of labels."""

    rows: int
    events: int
    rejected: int
    anonymous: int
    assessments: tuple[Assessment, ...]


class _Outcome(NamedTuple):
    """One customer's outcome; ``until_s`` is when looking back must end, if it must."""

    subject: str
    bad: bool
    until_s: float | None
    own: tuple[float | None, ...]


def assess(
    source: Path,
    mapping: Path,
    outcomes: Path,
    stage: Callable[[str], Progress],
    *,
    policy: Policy,
    seed: int,
) -> AssessReport:
    """Import ``source`` by ``mapping``, score each customer, and hold the scores to ``outcomes``.

    ``outcomes`` is a query over the same table ``input``; what the mapping made is there too, its
    result as ``mapped``. ``stage`` is told what is done next and gives its progress. Nothing is
    written. Raises ``MappingError`` and ``SourceError``.
    """
    mapped, asked = read_mapping(mapping), read_mapping(outcomes)
    with (
        TemporaryDirectory(prefix="touchpoint-assess-") as folder,
        open_database(Path(folder)) as db,
    ):
        rows, unreadable = load_table(db, source, mapped.options | asked.options)
        run_mapping(db, mapped)
        events = make_events(db, mapped.name)
        progress = stage("import")
        histories = histories_of(_admissible(db, events, progress), policy)
        found, own = _outcomes(db, asked)
    lives = stage("score")
    told = tuple(
        _assessed(label, found[label], own, histories, lives, policy=policy, seed=seed)
        for label in sorted(found)
    )
    admitted = sum(len(history) for history in histories.customers.values())
    events_in = admitted + histories.anonymous
    rejected = events - events_in + unreadable
    return AssessReport(rows + unreadable, events_in, rejected, histories.anonymous, told)


def _admissible(db: duckdb.DuckDBPyConnection, total: int, progress: Progress) -> Iterator[bytes]:
    """The events that an import would offer to the front door, in its order."""
    cursor = db.cursor().execute(
        "SELECT event FROM events WHERE reject_reason IS NULL AND nth = 1 "
        "ORDER BY instant NULLS FIRST, row, type, id, event"
    )
    done = 0
    while batch := cursor.fetchmany(_BATCH):
        yield from (event.encode() for (event,) in batch)
        done += len(batch)
        progress(done, total)


def _outcomes(
    db: duckdb.DuckDBPyConnection, asked: Mapping
) -> tuple[dict[str, list[_Outcome]], tuple[str, ...]]:
    """Outcomes by label, and the names of the query's own baselines."""
    # In a schema of its own, so that names the mapping took are free for the query.
    db.execute("CREATE SCHEMA outcome; SET search_path = 'outcome,main'")
    run_mapping(db, asked, result=_TABLE)
    columns = {str(r[0]): str(r[1]) for r in db.execute(f"DESCRIBE {_TABLE}").fetchall()}
    own = _checked(columns, asked.name)
    until = "epoch_us(until) / 1e6" if "until" in columns else "NULL"
    label = "coalesce(label::VARCHAR, '')" if "label" in columns else "''"
    figures = "".join(f", {quoted(name)}::DOUBLE" for name in own)
    rows = db.execute(
        f"SELECT {label}, subject::VARCHAR, outcome, {until}{figures} FROM {_TABLE} "  # noqa: S608
        "WHERE subject IS NOT NULL AND outcome IS NOT NULL ORDER BY 1, 2"
    ).fetchall()
    found: dict[str, list[_Outcome]] = {}
    seen: set[tuple[str, str]] = set()
    for name, subject, bad, until_s, *figure in rows:
        if (name, subject) in seen:
            raise MappingError(f"{asked.name}: customer {subject!r} has two outcomes; GROUP BY")
        seen.add((name, subject))
        found.setdefault(name, []).append(_Outcome(subject, bad, until_s, tuple(figure)))
    if not found:
        raise MappingError(f"{asked.name}: the query gives no outcome")
    return found, tuple(name.removeprefix(_OWN) for name in own)


def _checked(columns: dict[str, str], name: str) -> list[str]:
    """The columns that are baselines. Raises ``MappingError`` for wrong ones."""
    own = [column for column in columns if column.startswith(_OWN)]
    unknown = [column for column in columns if column not in _KNOWN and column not in own]
    if unknown:
        known = ", ".join((*_KNOWN, '"baseline.<name>"'))
        raise MappingError(f"{name}: unknown column {unknown[0]!r}; known: {known}")
    for column, kind in (("subject", None), ("outcome", "BOOLEAN")):
        if column not in columns:
            raise MappingError(f"{name}: the query gives no column {column!r}")
        if kind and columns[column] != kind:
            raise MappingError(f"{name}: {column} is {columns[column]}; it must be {kind}")
    if columns.get("until", "TIMESTAMP WITH TIME ZONE") != "TIMESTAMP WITH TIME ZONE":
        what = f"until is {columns['until']}, which names no instant"
        raise MappingError(f"{name}: {what}; write local_time(..., 'Europe/Berlin')")
    return own


def _assessed(
    label: str,
    outcomes: Sequence[_Outcome],
    own: tuple[str, ...],
    histories: Histories,
    progress: Progress,
    *,
    policy: Policy,
    seed: int,
) -> Assessment:
    baselines = (MEAN, LAST, FEWEST, *own)
    columns: dict[str, list[float | None]] = {name: [] for name in (*READINGS, *baselines)}
    bad: list[bool] = []
    for n, outcome in enumerate(outcomes):
        if n % 100 == 0:
            progress(n, len(outcomes))
        read = _read(outcome, own, histories, policy)
        if read is None:
            continue
        bad.append(outcome.bad)
        for name, value in read.items():
            columns[name].append(value)
    if len(set(bad)) < 2:
        what = f"{len(bad)} customers with events, and all came out the same"
        raise MappingError(f"outcome {label!r}: {what}; nothing can be told apart")
    full = {name: filled for name, values in columns.items() if (filled := _filled(values))}
    kept = tuple(name for name in baselines if name in full)
    best, told = curves(full, bad, baselines=kept, seed=seed, progress=progress)
    missing = len(outcomes) - len(bad)
    return Assessment(label, len(bad), sum(bad), missing, best, kept, told)


def _read(
    outcome: _Outcome, own: tuple[str, ...], histories: Histories, policy: Policy
) -> dict[str, float | None] | None:
    """A customer's readings before the outcome; ``None`` without an event before it."""
    history, until_s = histories.customers.get(outcome.subject, ()), outcome.until_s
    if until_s is not None:
        history = [admitted for admitted in history if admitted.time_s < until_s]
    life = live(outcome.subject, history, policy)
    if life is None:
        return None
    at_s = life.customer.as_of_s if until_s is None else until_s
    return {
        **readings_at(outcome.subject, life.customer, policy, at_s),
        MEAN: mean(life.qualities),
        LAST: life.last_quality,
        FEWEST: -float(len(history)),
        **dict(zip(own, outcome.own, strict=True)),
    }


def _filled(values: Sequence[float | None]) -> list[float]:
    """Without gaps: who has no figure gets the middle one, which speaks for neither outcome."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    middle = float(np.median(known))
    return [middle if value is None else value for value in values]
