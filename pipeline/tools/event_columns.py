"""Turns the columns of a mapping's result into CloudEvents."""

from typing import Final, TypeAlias

import duckdb

from pipeline.tools.mapping import MappingError
from pipeline.tools.tables import quoted

_REQUIRED: Final = ("row", "id", "source", "type", "time")
_TEXTS: Final = ("id", "source", "type", "subject", "dataschema")
_KNOWN: Final = (*_REQUIRED, "subject", "anonymous", "dataschema", "reject_reason", "dst", "data")
_ZONED: Final = "TIMESTAMP WITH TIME ZONE"

_Tree: TypeAlias = "dict[str, str | _Tree]"
"""SQL expressions by the name of the field they make, as deep as the event."""


def make_events(db: duckdb.DuckDBPyConnection, name: str) -> int:
    """Make the table ``events`` of ``mapped``, the result of the mapping ``name``.

    Columns: ``row``, ``reject_reason``, ``dst``, ``id``, ``type``, ``instant`` (the time, to sort
    by), ``nth`` (1 for the first with this source and id) and ``event`` (JSON text). Returns how
    many there are. Raises ``MappingError`` for unknown, missing or wrongly typed columns.
    """
    described = db.execute("DESCRIBE mapped").fetchall()
    columns = {_folded(str(row[0])): str(row[1]) for row in described}
    _check(columns, name)
    tree: _Tree = {"specversion": "'1.0'"}
    for column, kind in columns.items():
        if column not in ("row", "reject_reason", "dst"):
            _plant(tree, column.split("."), _expression(column, kind), name)
    reason = "reject_reason" if "reject_reason" in columns else "NULL::VARCHAR"
    dst = "dst" if "dst" in columns else "NULL::VARCHAR"
    # Merging into nothing leaves out the fields that are null (RFC 7386).
    event = f"json_merge_patch('{{}}', {_json(tree)})::VARCHAR"
    db.execute(
        f"""CREATE TABLE events AS
        SELECT row, {reason} AS reject_reason, {dst} AS dst, id::VARCHAR AS id,
          type::VARCHAR AS type, TRY_CAST(time AS TIMESTAMPTZ) AS instant,
          row_number() OVER (PARTITION BY source, id, {reason} IS NULL ORDER BY row, type) AS nth,
          {event} AS event
        FROM mapped"""  # noqa: S608 - built of column names, quoted
    )
    _check_rows(db, name)
    found = db.execute("SELECT count(*) FROM events").fetchone()
    return 0 if found is None else int(found[0])


def _folded(column: str) -> str:
    # A column passed on has the case it has in the input's header; SQL makes no difference.
    return column if column.startswith("data.") else column.lower()


def _check(columns: dict[str, str], name: str) -> None:
    unknown = [c for c in columns if c not in _KNOWN and not c.startswith("data.")]
    if unknown:
        known = ", ".join(_KNOWN)
        raise MappingError(f'{name}: unknown column {unknown[0]!r}; known: {known}, "data.<field>"')
    missing = [column for column in _REQUIRED if column not in columns]
    if missing:
        raise MappingError(f"{name}: the query gives no column {missing[0]!r}")
    if "data" in columns and any(c.startswith("data.") for c in columns):
        raise MappingError(f'{name}: give either "data" or columns "data.<field>"')
    if columns["time"] not in (_ZONED, "VARCHAR"):
        raise MappingError(
            f"{name}: time is {columns['time']}, which names no instant; write "
            "local_time(..., 'Europe/Berlin') or give RFC 3339 text with an offset"
        )
    kind = columns.get("data", "JSON")
    if kind != "JSON" and not kind.startswith("STRUCT"):
        raise MappingError(f"{name}: data is {kind}; it must be a STRUCT or JSON")


def _check_rows(db: duckdb.DuckDBPyConnection, name: str) -> None:
    found = db.execute(
        "SELECT e.row FROM events e ANTI JOIN input i ON e.row = i.row LIMIT 1"
    ).fetchone()
    if found is not None:
        what = f"the query gives row {found[0]}, which the input does not have"
        raise MappingError(f"{name}: {what}; pass on its column row unchanged")


def _expression(column: str, kind: str) -> str:
    sql = quoted(column)
    if column == "time" and kind == _ZONED:
        text = f"strftime({sql}, '%Y-%m-%dT%H:%M:%S.%fZ')"
        return f"replace({text}, '.000000Z', 'Z')"
    if column in _TEXTS:
        return f"{sql}::VARCHAR"
    return sql


def _plant(tree: _Tree, path: list[str], sql: str, name: str) -> None:
    for step in path[:-1]:
        branch = tree.setdefault(step, {})
        if isinstance(branch, str):
            raise MappingError(f"{name}: {'.'.join(path)!r} lies within another column")
        tree = branch
    if path[-1] in tree:
        raise MappingError(f"{name}: two columns make the field {'.'.join(path)!r}")
    tree[path[-1]] = sql


def _json(tree: _Tree) -> str:
    parts: list[str] = []
    for key, value in tree.items():
        name = key.replace("'", "''")
        parts.append(f"'{name}', {value if isinstance(value, str) else _json(value)}")
    return f"json_object({', '.join(parts)})"
