"""Rows as those who show them get them: ready for JSON, page by page, with cursors."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import Row, Select, Table, literal, tuple_

from sinks.sql.tables import time_text

Item = dict[str, object]
"""One row as JSON has it: times RFC 3339 in UTC with Z, bytes in base64."""

AnyRow = Row[tuple[object, ...]]

_MAX_CURSOR_CHARACTERS: Final = 100


class Page(NamedTuple):
    """Rows, and the cursor of the next page, ``None`` at the end."""

    items: list[Item]
    next: str | None


class BadCursor(ValueError):  # noqa: N818 - said as it is
    """A cursor that no page ever gave."""


def newest_first(
    wanted: Select[tuple[object, ...]],
    table: Table,
    time: str,
    *,
    limit: int,
    before: str | None = None,
) -> Select[tuple[object, ...]]:
    """One row more of ``wanted`` than ``limit``, behind the cursor ``before``.

    By time and then by row number, so that rows of one time are neither lost nor doubled.
    """
    moment, seq = table.c[time], table.c.seq
    wanted = wanted.order_by(moment.desc(), seq.desc()).limit(limit + 1)
    if before is None:
        return wanted
    last_time, last_seq = _read(before)
    # With the column's type: a bare time would be written in another format on SQLite.
    return wanted.where(tuple_(moment, seq) < tuple_(literal(last_time, moment.type), last_seq))


def before_seq(before: str) -> int:
    """The row number in a cursor of rows that have no time."""
    return _read(before)[1]


def page_of(rows: Sequence[AnyRow], limit: int, time: str | None) -> Page:
    """``rows`` were asked for with one more than ``limit``: it tells whether there are more."""
    shown = rows[:limit]
    cursor = None
    if len(rows) > limit and shown:
        last = shown[-1]._mapping
        moment = last[time] if time is not None else datetime.fromtimestamp(0, UTC)
        cursor = cursor_before(moment, last["seq"])
    return Page([item_of(row) for row in shown], cursor)


def cursor_before(time: datetime, seq: int) -> str:
    """The cursor of the page that begins behind the row of this time and number."""
    return pack(f"{time_text(time)} {seq}")


def item_of(row: AnyRow) -> Item:
    """A row as its contract has it, without what only the database needs."""
    hidden = ("seq", "changed", "lost_most", "about")
    item = {name: _plain(value) for name, value in row._mapping.items() if name not in hidden}
    if "cause_source" in item:
        item["cause"] = {"source": item.pop("cause_source"), "event": item.pop("cause_event")}
    return item


def score_item(row: AnyRow) -> Item:
    """A row of ``scores`` as the contract ``Score`` has it."""
    item = item_of(row)
    names = ("name", "version", "digest")
    item["policy"] = {name: item.pop(f"policy_{name}") for name in names}
    for kind in ("behaviour", "stage"):
        name, signs = item[kind], item.pop(f"{kind}_signs")
        item[kind] = None if name is None else {"name": name, "signs": signs}
    return item


def pack(cursor: str) -> str:
    """A cursor as it is given out: nobody is to read meaning into it."""
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def unpack(packed: str) -> str:
    """The reverse; ``ValueError`` if it was not packed."""
    try:
        padded = packed + "=" * (-len(packed) % 4)
        return base64.b64decode(padded.encode(), altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _read(before: str) -> tuple[datetime, int]:
    try:
        if len(before) > _MAX_CURSOR_CHARACTERS:
            raise ValueError(f"{len(before)} characters")
        time, seq = unpack(before).split(" ")
        moment, number = datetime.fromisoformat(time), int(seq)
        if moment.tzinfo is None or not 0 <= number < 2**63:
            raise ValueError(f"{time} {seq}")
    except ValueError as error:
        raise BadCursor("before: not a cursor; take it from the page before, as it is") from error
    return moment, number


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return time_text(value).replace(".000000Z", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
