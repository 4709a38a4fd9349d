"""Single dead letters: the record as it was, and whether it was sent again."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, select, update

from schemas.dead_letter import DeadLetter, KeptLetter
from sinks.sql import tables
from sinks.sql.engine import read_only


class LetterBook:
    """Reads and writes over ``engine`` (of ``make_engine``); each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reads = read_only(engine)

    def letter(self, identity: int) -> KeptLetter | None:
        """The letter whose row has this number."""
        with self._reads.connect() as connection:
            row = connection.execute(_wanted(identity)).one_or_none()
        return None if row is None else _kept(row)

    def mark_redriven(self, identity: int, *, by: str, at: datetime) -> KeptLetter | None:
        """Note that it was sent again; who did first stays. ``None`` if there is no such row."""
        table = tables.dead_letters
        mark = (
            update(table)
            .where(table.c.seq == identity, table.c.redriven_at.is_(None))
            .values(redriven_at=at, redriven_by=by)
        )
        with self._engine.begin() as connection:
            connection.execute(mark)
            row = connection.execute(_wanted(identity)).one_or_none()
        return None if row is None else _kept(row)


def _wanted(identity: int) -> Any:
    table = tables.dead_letters
    return select(table).where(table.c.seq == identity)


def _kept(row: Row[Any]) -> KeptLetter:
    values = row._mapping
    letter = {
        name: values[name] for name in DeadLetter.__struct_fields__ if name not in ("key", "value")
    }
    read = msgspec.convert({**letter, "key": None, "value": None}, DeadLetter)
    return KeptLetter(
        id=values["seq"],
        letter=msgspec.structs.replace(read, key=values["key"], value=values["value"]),
        redriven_at=values["redriven_at"],
        redriven_by=values["redriven_by"],
    )
