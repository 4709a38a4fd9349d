"""Numbers what is written, so that a reader can ask for all that changed since.

The number of a row is that of the transaction that last wrote it. A running number would not do:
a transaction that drew a lower one may commit later, behind a reader that has gone on.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Table, func, select

COLUMN: Final = "changed"

# On PostgreSQL the transaction's own id. What is added to it is above 0 only in a database that
# was restored into a server that has not come as far in its ids: see ``go_on``.
_BASE: Final = 'COALESCE((SELECT "number" FROM "changes" WHERE "name" = \'base\'), 0)'
_OF_TRANSACTION: Final = f"(pg_current_xact_id()::text::bigint + {_BASE})"
_SET_BASE: Final = (
    'INSERT INTO "changes" ("name", "number") VALUES (\'base\', %s)'
    ' ON CONFLICT ("name") DO UPDATE SET "number" = excluded."number"'
)
# Transactions with an id from this one on may be under way; all below have ended.
_HORIZON: Final = f"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {_BASE}"

# SQLite has one writer at a time, so a counter is in the order of commits.
_RAISE: Final = (
    'INSERT INTO "changes" ("name", "number") VALUES (\'last\', 1)'
    ' ON CONFLICT ("name") DO UPDATE SET "number" = "number" + 1'
)
_LAST: Final = '(SELECT "number" FROM "changes" WHERE "name" = \'last\')'


def number_of(table: Table, *, dialect: str) -> str | None:
    """SQL for the number of the transaction under way; ``None`` if ``table`` keeps none."""
    if COLUMN not in table.c:
        return None
    return _LAST if dialect == "sqlite" else _OF_TRANSACTION


def begin(connection: Connection, table: Table) -> None:
    """To be called before rows of ``table`` are written."""
    if COLUMN in table.c and connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_RAISE)


def horizon(connection: Connection) -> int:
    """Every row with a lower number is there to be read; one that is written later has this
    number or a higher one.

    Call it before the rows are read, in the same connection. A transaction that lasts long, in any
    database of the server, holds it back: readers wait, and pass over nothing.
    """
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"SELECT COALESCE({_LAST}, 0) + 1").scalar_one()
    else:
        found = connection.exec_driver_sql(_HORIZON).scalar_one()
    return int(found)


def go_on(connection: Connection, tables: Iterable[Table]) -> None:
    """Number changes of ``tables`` above all that they hold.

    After a dump was restored into another server, its transactions may have lower ids. On SQLite
    there is nothing to do.
    """
    if connection.dialect.name == "sqlite":
        return
    columns = [table.c[COLUMN] for table in tables if COLUMN in table.c]
    highest = func.greatest(*(select(func.max(each)).scalar_subquery() for each in columns))
    top = connection.execute(select(highest)).scalar_one()
    if top is not None and top >= connection.exec_driver_sql(f"SELECT {_OF_TRANSACTION}").scalar():
        connection.exec_driver_sql(_SET_BASE, (top,))
