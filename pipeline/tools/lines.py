"""The lines of a file of events as records of a log, and the other way round."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple, cast

import msgspec

from pipeline.engine.ports import LogRecord, Read, Record, Refused, Stage, Stepped, Tick
from pipeline.engine.stepping import INTERNAL_ERROR
from schemas.dead_letter import DeadLetter, FieldError
from schemas.inbound import Invalid, parse_event

PARTITION: Final = 0


class Line(NamedTuple):
    """A line as a ``Record`` of a log, with what the stage made of it."""

    offset: int
    key: bytes | None
    value: bytes | None
    result: Read | Tick | Refused
    timestamp: int = -1
    headers: tuple[tuple[str, bytes], ...] = ()


class RejectedLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that is no event: its number from 1 on, why, and its text (base64 if not UTF-8)."""

    line: int
    reason: str
    detail: str
    fields: tuple[FieldError, ...] = ()
    original: str | None = None
    original_base64: bytes | None = None


class ReadBefore:
    """The stage for lines that were read already: reading them again gives what was found."""

    def __init__(self, stage: Stage) -> None:
        self.name = stage.name
        self._stage = stage

    def read(self, record: Record, partition: int) -> Read | Tick | Refused:
        return cast(Line, record).result

    def step(
        self, key: bytes, state: bytes | None, inputs: Sequence[object], clock_ms: int
    ) -> Stepped:
        return self._stage.step(key, state, inputs, clock_ms)

    def due_of(self, state: bytes) -> int | None:
        return self._stage.due_of(state)

    def refuse(self, record: Record, partition: int, reason: str, detail: str) -> Refused:
        return self._stage.refuse(record, partition, reason, detail)


class _KeyParts(msgspec.Struct):
    """As much of an event as its key takes."""

    id: str | None = None
    subject: str | None = None


_KEY_PARTS: Final = msgspec.json.Decoder(_KeyParts)
_DEAD_LETTER: Final = msgspec.json.Decoder(DeadLetter)
_ENCODE: Final = msgspec.json.Encoder().encode


def lines_of(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Every line that is not blank, with its number from 0 on."""
    for offset, line in enumerate(source):
        text = line.rstrip(b"\r\n")
        if text and not text.isspace():
            yield offset, text


def read_line(stage: Stage, offset: int, value: bytes, key: bytes | None = None) -> Line:
    """Have the stage read a line, under ``key`` or the key that a publisher would give it."""
    record = LogRecord(offset, _key(value) if key is None else key, value)
    try:
        result = stage.read(record, PARTITION)
    except Exception as error:  # noqa: BLE001 - a line must not stop a replay, as in a lane
        detail = f"{type(error).__name__}: {error}"
        result = stage.refuse(record, PARTITION, INTERNAL_ERROR, detail)
    return Line(offset, record.key, value, result)


def rejected_line(letter: bytes) -> tuple[int, bytes]:
    """The offset of a dead letter's line, and the ``RejectedLine`` for it."""
    dead = _DEAD_LETTER.decode(letter)
    value = dead.value or b""
    try:
        original, base64 = value.decode(), None
    except UnicodeDecodeError:
        original, base64 = None, value
    rejected = RejectedLine(
        line=dead.offset + 1,
        reason=dead.reason.value,
        detail=dead.detail,
        fields=dead.fields,
        original=original,
        original_base64=base64,
    )
    return dead.offset, _ENCODE(rejected)


def _key(value: bytes) -> bytes | None:
    """The customer's id, or the event's if nobody is known; ``None`` for what is no event."""
    name: str | None
    try:
        parts = _KEY_PARTS.decode(value)
        name = parts.id if parts.subject is None else parts.subject
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Odd, or no event: ask the reader that decides which of the two it is.
        event = parse_event(value)
        if isinstance(event, Invalid):
            return None
        name = event.id if event.subject is None else event.subject
    return None if name is None else name.encode()
