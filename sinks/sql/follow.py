"""Follows what is to be done as it is written, for whoever carries it out: actions and consents."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Engine, select

from schemas.care import CareAction, Consent
from sinks.sql import tables
from sinks.sql.engine import read_only

_ENCODE: Final = msgspec.json.Encoder().encode


class ActionRow(NamedTuple):
    """An action by the number of its row; ``action`` is the JSON of its contract."""

    seq: int
    id: str
    action: bytes


class Follower:
    """Reads over ``engine`` (of ``make_engine``), each time all that is committed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = read_only(engine)

    def after(self, seq: int, limit: int) -> list[ActionRow]:
        """Actions behind row ``seq``, in the order in which they were written."""
        table = tables.actions
        wanted = select(table).where(table.c.seq > seq).order_by(table.c.seq).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [ActionRow(row["seq"], row["id"], _ENCODE(_action(row))) for row in rows]

    def id_of(self, seq: int) -> str | None:
        """The id of the action in row ``seq``, ``None`` if there is none."""
        table = tables.actions
        with self._engine.connect() as connection:
            found: str | None = connection.execute(
                select(table.c.id).where(table.c.seq == seq)
            ).scalar_one_or_none()
        return found

    def consent(self, customer: str) -> Consent | None:
        """What a customer does not want, ``None`` if nothing is known."""
        table = tables.metadata.tables.get("consents")
        if table is None:
            return None
        wanted = select(table).where(table.c.customer == customer)
        with self._engine.connect() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            return None
        return Consent(
            customer=customer,
            denied=tuple(row["denied"]),
            alerts=row["alerts"],
            as_of=row["as_of"],
        )


def _action(row: Mapping[Any, Any]) -> CareAction:
    values = {name: row[name] for name in CareAction.__struct_fields__ if name in row}
    values["cause"] = {"source": row["cause_source"], "event": row["cause_event"]}
    return msgspec.convert(values, CareAction)
