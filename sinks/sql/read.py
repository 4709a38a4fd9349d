"""Reads the SQL store for those who show it: newest first, page by page, ready for JSON."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import Column, Engine, Row, Select, Table, func, literal, select, tuple_

from sinks.sql import tables
from sinks.sql.engine import read_only
from sinks.sql.tables import time_text

Item = dict[str, object]
"""One row as JSON has it: times RFC 3339 in UTC with Z, bytes in base64."""

_MAX_CURSOR_CHARACTERS: Final = 100


class Page(NamedTuple):
    """Rows, newest first, and the cursor (``before``) of the next page, ``None`` at the end."""

    items: list[Item]
    next: str | None


class BadCursor(ValueError):  # noqa: N818 - said as it is
    """A cursor that no page ever gave."""


class ReadModel:
    """Reads over ``engine`` (of ``make_engine``). Each call is one short transaction.

    On SQLite they never wait for the writer, and hold no snapshot that would let the WAL grow.
    ``limit`` is taken as it is: bound it where requests come in.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = read_only(engine)

    def score(self, customer: str) -> Item | None:
        """The latest score of a customer as the contract ``Score`` has it, without its parts."""
        item = self.explanation(customer)
        if item is not None:
            del item["parts"]
        return item

    def explanation(self, customer: str) -> Item | None:
        """The score with its ``parts``, which sum to ``score - baseline``."""
        rows = self._all(select(tables.scores).where(tables.scores.c.customer == customer))
        if not rows:
            return None
        item = _item(rows[0])
        names = ("name", "version", "digest")
        item["policy"] = {name: item.pop(f"policy_{name}") for name in names}
        for kind in ("behaviour", "stage"):
            name, signs = item[kind], item.pop(f"{kind}_signs")
            item[kind] = None if name is None else {"name": name, "signs": signs}
        return item

    def actions(
        self, limit: int, *, customer: str | None = None, before: str | None = None
    ) -> Page:
        """Actions by ``decided_at``, of one customer or of all; ``BadCursor`` if it is none."""
        return self._decided(tables.actions, limit, customer, before)

    def decisions(
        self, limit: int, *, customer: str | None = None, before: str | None = None
    ) -> Page:
        """What became of proposals, by ``decided_at``; ``BadCursor`` if it is none."""
        return self._decided(tables.decisions, limit, customer, before)

    def cases(
        self,
        limit: int,
        *,
        customer: str | None = None,
        status: str | None = None,
        before: str | None = None,
    ) -> Page:
        """Cases by ``opened_at``, as each stands; ``BadCursor`` if it is none.

        ``next_due`` is when the earliest step that is not done is due.
        """
        table = tables.cases
        wanted = _of(table, customer=customer, status=status)
        return self._page(wanted, table.c.opened_at, table.c.seq, limit, before)

    def contributions(self, customer: str, limit: int, *, before: str | None = None) -> Page:
        """What each event of a customer did, by ``time``; ``BadCursor`` if it is none."""
        table = tables.contributions
        wanted = _of(table, customer=customer)
        return self._page(wanted, table.c.time, table.c.seq, limit, before)

    def dead_letters(self, limit: int, *, before: str | None = None) -> Page:
        """Dead letters, those that came last first; ``key`` and ``value`` in base64.

        ``id`` names each in this store.
        """
        table = tables.dead_letters
        wanted = select(table).order_by(table.c.seq.desc()).limit(limit + 1)
        if before is not None:
            _, seq = _read_cursor(before)
            wanted = wanted.where(table.c.seq < seq)
        rows = self._all(wanted)
        page = _page_of(rows, limit, None)
        for item, row in zip(page.items, rows, strict=False):
            item["id"] = row._mapping["seq"]
        return page

    def counts(self) -> dict[str, int]:
        """Rows by table; counts them all, which takes seconds where there are millions."""
        counted = [
            select(func.count()).select_from(table).scalar_subquery().label(table.name)
            for table in _COUNTED
        ]
        with self._engine.connect() as connection:
            row = connection.execute(select(*counted)).one()
        return {table.name: int(count) for table, count in zip(_COUNTED, row, strict=True)}

    def _decided(self, table: Table, limit: int, customer: str | None, before: str | None) -> Page:
        wanted = _of(table, customer=customer)
        page = self._page(wanted, table.c.decided_at, table.c.seq, limit, before)
        for item in page.items:
            item["cause"] = {"source": item.pop("cause_source"), "event": item.pop("cause_event")}
        return page

    def _page(
        self,
        wanted: Select[tuple[object, ...]],
        time: Column[datetime],
        seq: Column[int],
        limit: int,
        before: str | None,
    ) -> Page:
        """By time and then by row number, so that rows of one time are neither lost nor doubled."""
        wanted = wanted.order_by(time.desc(), seq.desc()).limit(limit + 1)
        if before is not None:
            moment, number = _read_cursor(before)
            # With the column's type: a bare time would be written in another format on SQLite.
            last = tuple_(literal(moment, time.type), number)
            wanted = wanted.where(tuple_(time, seq) < last)
        return _page_of(self._all(wanted), limit, time.name)

    def _all(self, wanted: Select[tuple[object, ...]]) -> Sequence[Row[tuple[object, ...]]]:
        with self._engine.connect() as connection:
            return connection.execute(wanted).all()


_COUNTED: Final = (
    tables.scores,
    tables.contributions,
    tables.actions,
    tables.decisions,
    tables.cases,
    tables.consents,
    tables.outlook_checks,
    tables.campaign_reports,
    tables.dead_letters,
    tables.sink_rejects,
)


def _of(table: Table, **wanted: str | None) -> Select[tuple[object, ...]]:
    """Rows of ``table`` whose columns have these values, ``None`` for any."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return select(table).where(*(table.c[name] == value for name, value in given.items()))


def _page_of(rows: Sequence[Row[tuple[object, ...]]], limit: int, time: str | None) -> Page:
    """``rows`` were asked for with one more than ``limit``: it tells whether there are more."""
    shown = rows[:limit]
    cursor = None
    if len(rows) > limit and shown:
        last = shown[-1]._mapping
        moment = last[time] if time is not None else datetime.fromtimestamp(0, UTC)
        cursor = _cursor(moment, last["seq"])
    return Page([_item(row) for row in shown], cursor)


def _item(row: Row[tuple[object, ...]]) -> Item:
    hidden = ("seq", "changed")
    return {name: _plain(value) for name, value in row._mapping.items() if name not in hidden}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return time_text(value).replace(".000000Z", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _cursor(time: datetime, seq: int) -> str:
    return base64.urlsafe_b64encode(f"{time_text(time)} {seq}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        if len(cursor) > _MAX_CURSOR_CHARACTERS:
            raise ValueError(f"{len(cursor)} characters")
        padded = cursor + "=" * (-len(cursor) % 4)
        time, seq = base64.urlsafe_b64decode(padded.encode()).decode().split(" ")
        moment, number = datetime.fromisoformat(time), int(seq)
        if moment.tzinfo is None or not 0 <= number < 2**63:
            raise ValueError(f"{time} {seq}")
    except (ValueError, binascii.Error) as error:
        raise BadCursor("before: not a cursor; take it from the page before, as it is") from error
    return moment, number
