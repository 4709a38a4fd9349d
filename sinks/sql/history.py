"""Reads what happened over time, and what changed since a reader was here last."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, Select, select, tuple_

from schemas.history import Change, Feed
from sinks.sql import changes, tables
from sinks.sql.engine import read_only, snapshot
from sinks.sql.pages import (
    AnyRow,
    BadCursor,
    Item,
    Page,
    cursor_before,
    item_of,
    newest_first,
    pack,
    page_of,
    score_item,
    unpack,
)

# A customer's id, the longest key, has at most 2,000 bytes.
_MAX_CURSOR_CHARACTERS: Final = 3_000
_INT_END: Final = 2**63

_KINDS: Final = (
    ("score", tables.scores, "customer"),
    ("action", tables.actions, "seq"),
    ("decision", tables.decisions, "seq"),
    ("case", tables.cases, "seq"),
)
"""What a feed tells of, with the key of the rows that one transaction wrote."""


class _Place(NamedTuple):
    """Behind which row to go on: its ``changed``, and within that its kind and key.

    A ``kind`` of -1 is before all rows of its number.
    """

    changed: int
    kind: int = -1
    key: str = ""


class SqlHistory:
    """Reads over ``engine`` (of ``make_engine``). Each call is one short transaction.

    ``limit`` is taken as it is: bound it where requests come in.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def trail(self, customer: str, *, since: datetime, limit: int) -> Sequence[Item]:
        """The customer's contributions, newest first, none before ``since``."""
        wanted = _contributions(customer, since)
        rows = self._all(newest_first(wanted, tables.contributions, "time", limit=limit))
        return [item_of(row) for row in rows[:limit]]

    def history(
        self, customer: str, limit: int, *, since: datetime | None = None, before: str | None = None
    ) -> Page:
        """The same page by page; ``BadCursor`` if ``before`` is none."""
        wanted = _contributions(customer, since)
        table = tables.contributions
        rows = self._all(newest_first(wanted, table, "time", limit=limit, before=before))
        return page_of(rows, limit, "time")

    def cursor_of(self, customer: str, event: str) -> str | None:
        """The ``before`` of ``history`` whose page begins with this event, the latest of this id;
        ``None`` if the customer has none such."""
        table = tables.contributions
        wanted = _contributions(customer, None).where(table.c.event == event)
        rows = self._all(newest_first(wanted, table, "time", limit=1))
        return cursor_before(rows[0].time, rows[0].seq + 1) if rows else None

    def scores_changed(self, limit: int, *, since: str | None = None) -> Page:
        """Scores without parts in the order in which they last changed; ``next`` is never ``None``.

        ``since`` is ``next`` of an earlier page; ``None`` begins with the first score there is.
        """
        place = _Place(0) if since is None else _read(since)
        with snapshot(self._engine) as connection:
            end = changes.horizon(connection)
            rows = _behind(connection, 0, place, end, limit)
        items = [score_item(row) for row in rows]
        return Page(items, _write(_next(place, end, limit, [(0, row) for row in rows])))

    def feed(self, since: str | None, limit: int) -> Feed:
        """What changed behind ``since``, oldest first; ``None``: from now on, nothing yet."""
        with snapshot(self._engine) as connection:
            end = changes.horizon(connection)
            if since is None:
                return Feed((), _write(_Place(end)))
            place = _read(since)
            found = [
                (kind, row)
                for kind in range(len(_KINDS))
                for row in _behind(connection, kind, place, end, limit)
            ]
        # Rows of one kind are in the order of their keys already, as the database has it.
        found.sort(key=lambda each: (each[1].changed, each[0]))
        shown = found[:limit]
        told = [
            Change(_KINDS[kind][0], _item(kind, row), _write(_place_of(kind, row)))
            for kind, row in shown
        ]
        return Feed(told, _write(_next(place, end, limit, shown)))

    def _all(self, wanted: Select[tuple[object, ...]]) -> Sequence[AnyRow]:
        with read_only(self._engine).connect() as connection:
            return connection.execute(wanted).all()


def _contributions(customer: str, since: datetime | None) -> Select[tuple[object, ...]]:
    column = tables.contributions.c
    wanted = select(tables.contributions).where(column.customer == customer)
    return wanted if since is None else wanted.where(column.time >= since)


def _behind(
    connection: Connection, kind: int, place: _Place, end: int, limit: int
) -> Sequence[AnyRow]:
    """Rows of one kind behind ``place`` whose number is below ``end``, in their order."""
    _, table, key_name = _KINDS[kind]
    changed, key = table.c.changed, table.c[key_name]
    wanted = select(*(column for column in table.c if column.name != "parts"))
    if kind < place.kind:
        wanted = wanted.where(changed > place.changed)
    elif kind == place.kind:
        last = place.key if key_name == "customer" else int(place.key)
        wanted = wanted.where(tuple_(changed, key) > tuple_(place.changed, last))
    else:
        wanted = wanted.where(changed >= place.changed)
    wanted = wanted.where(changed < end).order_by(changed, key).limit(limit)
    return connection.execute(wanted).all()


def _next(place: _Place, end: int, limit: int, shown: Sequence[tuple[int, AnyRow]]) -> _Place:
    if len(shown) < limit:  # all that there is below ``end``
        return _Place(end) if end > place.changed else place
    if not shown:
        return place
    return _place_of(*shown[-1])


def _place_of(kind: int, row: AnyRow) -> _Place:
    return _Place(row.changed, kind, str(row._mapping[_KINDS[kind][2]]))


def _item(kind: int, row: AnyRow) -> Item:
    return score_item(row) if kind == 0 else item_of(row)


def _write(place: _Place) -> str:
    return pack(f"{place.changed} {place.kind} {place.key}")


def _read(since: str) -> _Place:
    try:
        if len(since) > _MAX_CURSOR_CHARACTERS:
            raise ValueError(f"{len(since)} characters")
        changed, kind, key = unpack(since).split(" ", 2)
        place = _Place(int(changed), int(kind), key)
        if not 0 <= place.changed < _INT_END or not -1 <= place.kind < len(_KINDS):
            raise ValueError(f"{changed} {kind}")
        if place.kind > 0 and not 0 <= int(key) < _INT_END:
            raise ValueError(key)
        if "\x00" in key:
            raise ValueError("NUL")
    except ValueError as error:
        raise BadCursor("since: not a cursor; take it from the page before, as it is") from error
    return place
