"""Makes events of any table: a mapping says how, the front door's rules say which are let in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import duckdb
import msgspec

from pipeline.core.admission import Admitted, admit
from pipeline.core.policy.compiled import Policy
from pipeline.tools.event_columns import make_events
from pipeline.tools.files import LineFile, whole_file
from pipeline.tools.mapping import read_mapping, run_mapping
from pipeline.tools.tables import load_table, open_database
from schemas.dead_letter import FieldError, Reason
from schemas.inbound import Invalid

Progress = Callable[[int, int | None], None]
"""Called with events done and events in all; ``None`` while that is not known yet."""

_BATCH: Final = 2_000
_IMPORTED: Final = 1
_REJECTED: Final = 2

UNREADABLE: Final = "unreadable"
"""Reason: the file's reader could make no row of it."""
MAPPING: Final = "mapping"
"""Reason: the mapping's own ``reject_reason`` says why."""
DUPLICATE_ID: Final = "duplicate_id"
"""Reason: an earlier row has the same source and id; the pipeline would take it for the same."""


class Reject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the rejects file: where it came from, why it was refused, and what it was.

    ``row`` counts the readable rows of the file from 1 on, ``line`` is the file's own line number.
    """

    reason: str
    detail: str
    row: int | None = None
    line: int | None = None
    fields: tuple[FieldError, ...] = ()
    input: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    text: str | None = None


class ImportReport(NamedTuple):
    """What became of a file: ``read == imported + rejected + skipped``, counted in rows.

    A row is rejected if any of its events was, skipped if the mapping gave nothing for it.
    ``events`` were written, ``refused`` are the lines of the rejects file (a row may have several
    of each); ``anonymous`` and ``types`` count among ``events``. ``dst_gaps`` and
    ``dst_overlaps`` count times that the mapping found to be missing or doubled on local clocks.
    """

    read: int
    imported: int
    rejected: int
    skipped: int
    events: int
    refused: int
    anonymous: int
    types: dict[str, int]
    dst_gaps: int
    dst_overlaps: int
    digest: str


class _Mapped(NamedTuple):
    row: int
    reject_reason: str | None
    nth: int
    type: str | None
    event: str


def import_file(
    source: Path, mapping: Path, out: Path, rejects: Path, progress: Progress, *, policy: Policy
) -> ImportReport:
    """Write the events that ``mapping`` makes of ``source`` to ``out``, one JSON object a line.

    Events stand in order of their time, at the same time in order of row, type and id. Both files
    appear whole at the end or not at all. Raises ``MappingError`` and ``SourceError``.
    """
    progress(0, None)
    mapped = read_mapping(mapping)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix=".import-", dir=out.parent))
        db = stack.enter_context(open_database(Path(folder)))
        rows, unreadable = load_table(db, source, mapped.options)
        run_mapping(db, mapped)
        events = make_events(db, mapped.name)
        # Entered first, replaced last: where the events are, their rejects are too.
        out_file = stack.enter_context(whole_file(out))
        rejects_file = stack.enter_context(whole_file(rejects))
        writing = _Writing(db, out_file, rejects_file, policy)
        writing.unreadable()
        done = 0
        for batch in _batches(db):
            writing.batch(batch)
            done += len(batch)
            progress(done, events)
        return writing.report(rows, unreadable)


class _Writing:
    """The two files under way, and the counts."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, out: LineFile, rejects: LineFile, policy: Policy
    ) -> None:
        self._db = db
        self._out = out
        self._rejects = rejects
        self._policy = policy
        self._encode = msgspec.json.Encoder().encode
        self._anonymous = 0
        self._types: dict[str, int] = {}
        found = db.execute("SELECT max(row) FROM input").fetchone()
        self._fate = bytearray((found[0] if found and found[0] else 0) + 1)  # by row

    def unreadable(self) -> None:
        cursor = self._db.execute("SELECT row, line, detail, text FROM unreadable")
        for row, line, detail, text in cursor.fetchall():
            reject = Reject(reason=UNREADABLE, detail=detail, row=row, line=line, text=text)
            self._rejects.write(self._encode(reject))

    def batch(self, batch: list[_Mapped]) -> None:
        refused: list[tuple[_Mapped, Invalid | str]] = []
        for mapped in batch:
            invalid = self._write(mapped)
            if invalid is not None:
                refused.append((mapped, invalid))
        if refused:
            self._reject(refused)

    def report(self, rows: int, unreadable: int) -> ImportReport:
        imported, rejected = self._fate.count(_IMPORTED), self._fate.count(_REJECTED)
        dst = dict(self._db.execute("SELECT dst, count(*) FROM events GROUP BY dst").fetchall())
        return ImportReport(
            read=rows + unreadable,
            imported=imported,
            rejected=rejected + unreadable,
            skipped=rows - imported - rejected,
            events=self._out.lines,
            refused=self._rejects.lines,
            anonymous=self._anonymous,
            types=dict(sorted(self._types.items())),
            dst_gaps=dst.get("gap", 0),
            dst_overlaps=dst.get("overlap", 0),
            digest=self._out.digest,
        )

    def _write(self, mapped: _Mapped) -> Invalid | str | None:
        """Write the event, or say why not: by the front door's reason, or one of our own."""
        self._fate[mapped.row] = max(self._fate[mapped.row], _IMPORTED)
        if mapped.reject_reason is not None:
            return MAPPING
        if mapped.nth > 1:
            return DUPLICATE_ID
        value = mapped.event.encode()
        admitted = admit(value, (), -1, self._policy)
        if not isinstance(admitted, Admitted):
            return admitted
        if not _is_json(value):
            return Invalid(Reason.BROKEN_JSON, "NaN and infinity are not JSON")
        self._out.write(value)
        self._anonymous += admitted.event.anonymous
        name = str(mapped.type)
        self._types[name] = self._types.get(name, 0) + 1
        return None

    def _reject(self, refused: list[tuple[_Mapped, Invalid | str]]) -> None:
        rows = [mapped.row for mapped, _ in refused]
        inputs = dict(
            self._db.cursor()
            .execute(
                "SELECT row, to_json(whole_row)::VARCHAR FROM input AS whole_row "
                "WHERE row IN (SELECT unnest(?))",
                [rows],
            )
            .fetchall()
        )
        for mapped, invalid in refused:
            self._fate[mapped.row] = _REJECTED
            self._rejects.write(self._encode(_explained(mapped, invalid, inputs[mapped.row])))


def _explained(mapped: _Mapped, invalid: Invalid | str, row: str) -> Reject:
    given = _raw(row)
    if invalid == MAPPING:
        detail = str(mapped.reject_reason)
        return Reject(reason=MAPPING, detail=detail, row=mapped.row, input=given)
    if isinstance(invalid, Invalid):
        reason, detail, fields = invalid.reason.value, invalid.detail, invalid.fields
    else:
        reason, detail, fields = invalid, "an earlier row gives this source and id", ()
    event = _raw(mapped.event)
    return Reject(
        reason=reason, detail=detail, row=mapped.row, fields=fields, input=given, event=event
    )


def _raw(text: str) -> msgspec.Raw:
    """What DuckDB calls JSON, as it is if it is JSON, else as a string."""
    value = text.encode()
    return msgspec.Raw(value if _is_json(value) else msgspec.json.encode(text))


def _is_json(value: bytes) -> bool:
    # DuckDB writes NaN and Infinity as they are; a text may hold these words too.
    if b"NaN" not in value and b"Infinity" not in value:
        return True
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


def _batches(db: duckdb.DuckDBPyConnection) -> Iterator[list[_Mapped]]:
    cursor = db.cursor().execute(
        "SELECT row, reject_reason, nth, type, event FROM events "
        "ORDER BY instant NULLS FIRST, row, type, id, event"
    )
    while rows := cursor.fetchmany(_BATCH):
        yield [_Mapped(*row) for row in rows]
