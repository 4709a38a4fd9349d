"""Reads and runs a mapping: the SQL that makes events out of the rows of a foreign file."""

import re
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

Option = str | int | bool

OPTIONS: Final[dict[str, type[Option]]] = {
    "format": str,
    "delim": str,
    "quote": str,
    "escape": str,
    "comment": str,
    "encoding": str,
    "nullstr": str,
    "skip": int,
    "header": bool,
    "strict_mode": bool,
    "null_padding": bool,
}
"""What a mapping may say of its input, by DuckDB's names, and ``format``."""

_OPTION_LINE: Final = re.compile(r"--\s*input\.(\w+)\s*=(.*)")
_ERROR_LINE: Final = re.compile(r"^LINE (\d+): ", re.MULTILINE)

# For local times. Clocks that are put forward leave a gap, clocks put back go over an hour twice;
# converting such a time picks one instant silently, so a mapping can tell the report.
_MACROS: Final = """
CREATE OR REPLACE MACRO local_time(clock, zone) AS clock::TIMESTAMP AT TIME ZONE zone;
CREATE OR REPLACE MACRO dst_problem(clock, zone) AS CASE
  WHEN timezone(zone, timezone(zone, clock::TIMESTAMP)) <> clock::TIMESTAMP THEN 'gap'
  WHEN timezone(zone, timezone(zone, clock::TIMESTAMP) - INTERVAL 1 HOUR) = clock::TIMESTAMP
    OR timezone(zone, timezone(zone, clock::TIMESTAMP) + INTERVAL 1 HOUR) = clock::TIMESTAMP
    THEN 'overlap'
END;
"""


class MappingError(Exception):
    """A mapping that cannot be used; the message names file and line."""


class Mapping(NamedTuple):
    """The text of a mapping file, and what it says of its input; ``name`` is for messages."""

    name: str
    text: str
    options: dict[str, Option]


def read_mapping(path: Path) -> Mapping:
    """Read the file at ``path``. Lines ``-- input.<option> = <value>`` (TOML) are options.

    Raises ``MappingError`` if the file cannot be read or an option is unknown or of a wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: cannot be read: {error}") from error
    options: dict[str, Option] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := _OPTION_LINE.match(line):
            options[found[1]] = _option(f"{path}:{number}", found[1], found[2])
    return Mapping(str(path), text, options)


def _option(where: str, name: str, text: str) -> Option:
    wanted = OPTIONS.get(name)
    if wanted is None:
        known = ", ".join(OPTIONS)
        raise MappingError(f"{where}: unknown option input.{name}; known: {known}")
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        what = f'not a TOML value: {text.strip()}; write for example "..." or true'
        raise MappingError(f"{where}: input.{name}: {what}") from error
    # An exact type: True is an int to isinstance.
    if type(value) is not wanted:
        raise MappingError(f"{where}: input.{name}: {value!r} is not of type {wanted.__name__}")
    return value


def run_mapping(db: duckdb.DuckDBPyConnection, mapping: Mapping, *, result: str = "mapped") -> None:
    """Run the mapping over the table ``input``; its result becomes the table ``result``.

    The last statement is the query; those before it may create macros, views and tables. Raises
    ``MappingError`` with file and line.
    """
    db.execute(_MACROS)
    try:
        statements = db.extract_statements(mapping.text)
    except duckdb.Error as error:
        raise _failed(db, mapping, error, 0, first=1) from error
    if not statements or statements[-1].type != duckdb.StatementType.SELECT:
        raise MappingError(f"{mapping.name}: the last statement must be a query (SELECT ...)")
    end = 0
    for index, statement in enumerate(statements):
        sql = statement.query
        start = mapping.text.index(sql, end)
        end = start + len(sql)
        before = mapping.text.count("\n", 0, start)
        first = before + 1
        if index == len(statements) - 1:
            sql = f"CREATE TABLE {result} AS\n{sql}"
            before -= 1
        elif statement.type != duckdb.StatementType.CREATE:
            raise MappingError(f"{mapping.name}:{first}: only CREATE may stand before the query")
        try:
            db.execute(sql)
        except duckdb.Error as error:
            raise _failed(db, mapping, error, before, first) from error


def _failed(
    db: duckdb.DuckDBPyConnection, mapping: Mapping, error: duckdb.Error, before: int, first: int
) -> MappingError:
    """The error in terms of the file: ``before`` lines of it precede what was run.

    ``first`` is the line to name if the error has none.
    """
    message = str(error)
    found = _ERROR_LINE.search(message)
    line = first if found is None else before + int(found[1])
    said = " ".join((message if found is None else message[: found.start()]).split())
    if isinstance(error, duckdb.ConversionException):
        said += "; use TRY_CAST, and a column reject_reason to reject single rows"
    elif isinstance(error, duckdb.BinderException):
        columns = db.execute("DESCRIBE input").fetchall()
        said += f"; columns of input: {', '.join(str(column[0]) for column in columns)}"
    return MappingError(f"{mapping.name}:{line}: {said}")
