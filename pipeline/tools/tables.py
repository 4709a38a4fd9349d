"""Loads a foreign file, whatever its format, into a locked database as the table ``input``."""

from pathlib import Path
from typing import Final

import duckdb

from pipeline.tools.mapping import Option

_FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}
_PACKED: Final = {".gz", ".zst"}


class SourceError(Exception):
    """A file that cannot be read as a table; the message says what to try."""


def open_database(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database in ``folder``, so that rows need not fit into memory. It fetches nothing."""
    db = duckdb.connect(
        str(folder / "import.duckdb"),
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )
    # Casts of times without an offset must not depend on the machine.
    db.execute(f"SET timezone = 'UTC'; SET temp_directory = {_literal(str(folder / 'spill'))}")
    return db


def load_table(
    db: duckdb.DuckDBPyConnection, source: Path, options: dict[str, Option]
) -> tuple[int, int]:
    """Load ``source`` as the tables ``input`` and ``unreadable``, then lock the database.

    ``input`` has the file's columns and ``row``, its number among the readable rows from 1 on.
    ``unreadable`` has ``row`` or ``line``, ``detail`` and ``text``. Columns of CSV are text, empty
    ones NULL. Returns how many rows each has. From then on the database touches no other file:
    what a mapping does cannot leave it. Raises ``SourceError``.
    """
    if not source.is_file():
        raise SourceError(f"{source}: no such file")
    suffixes = [s.lower() for s in source.suffixes if s.lower() not in _PACKED]
    suffix = suffixes[-1] if suffixes else ""
    kind = str(options.get("format", _FORMATS.get(suffix, "csv")))
    db.execute("CREATE TABLE unreadable (row BIGINT, line BIGINT, detail VARCHAR, text VARCHAR)")
    try:
        reader = _reader(source, kind, suffix, options)
        db.execute(f"CREATE TABLE input AS SELECT row_number() OVER () AS row, * FROM {reader}")  # noqa: S608
        _set_aside(db, kind)
    except duckdb.Error as error:
        said = " ".join(str(error).partition("\n\n")[0].split())
        hint = "a mapping may set input.format, input.delim, input.encoding, ..."
        raise SourceError(f"{source}: cannot be read as {kind}: {said}; {hint}") from error
    db.execute("SET enable_external_access = false; SET lock_configuration = true")
    return _count(db, "input"), _count(db, "unreadable")


def _reader(source: Path, kind: str, suffix: str, options: dict[str, Option]) -> str:
    path = _literal(str(source))
    match kind:
        case "csv":
            given: dict[str, Option] = {"header": True}
            if suffix == ".tsv":
                given["delim"] = "\t"
            given |= {name: value for name, value in options.items() if name != "format"}
            named = "".join(f", {name} = {_literal(value)}" for name, value in given.items())
            return f"read_csv({path}, all_varchar = true, store_rejects = true{named})"
        case "json":
            return f"read_json({path}, sample_size = -1)"
        case "ndjson":
            return (
                f"read_json({path}, sample_size = -1, format = 'newline_delimited', "
                "ignore_errors = true)"
            )
        case "parquet":
            return f"read_parquet({path})"
        case _:
            known = ", ".join(sorted(set(_FORMATS.values())))
            raise SourceError(f"{source}: unknown format {kind!r}; known: {known}")


def _set_aside(db: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Put what could not be read into ``unreadable``."""
    if kind == "csv":
        db.execute(
            "INSERT INTO unreadable SELECT NULL, line, string_agg(error_message, '; '), "
            "any_value(csv_line) FROM reject_errors GROUP BY line ORDER BY line"
        )
    if kind == "ndjson":  # a line that is not JSON comes as a row of NULLs
        columns = [row[0] for row in db.execute("DESCRIBE input").fetchall()][1:]
        empty = " AND ".join(f"{quoted(name)} IS NULL" for name in columns)
        what = "'not JSON, or no field has a value'"
        db.execute(
            f"INSERT INTO unreadable SELECT row, NULL, {what}, NULL FROM input WHERE {empty}"  # noqa: S608
        )
        db.execute(f"DELETE FROM input WHERE {empty}")  # noqa: S608


def quoted(name: str) -> str:
    """A column's name as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Option) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _count(db: duckdb.DuckDBPyConnection, table: str) -> int:
    found = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return 0 if found is None else int(found[0])
