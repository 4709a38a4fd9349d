"""The body of a request cut into events: each as its own bytes, none re-encoded."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from pipeline.adapters.http.problems import ProblemError
from schemas.dead_letter import Reason
from schemas.envelope import from_binary_mode
from schemas.inbound import Invalid

ONE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
LINES: Final = "application/x-ndjson"
JSON: Final = "application/json"
KNOWN: Final = (JSON, ONE, BATCH, LINES)

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"


class Limits(NamedTuple):
    """What one request may bring."""

    body_bytes: int = 8 * 1024 * 1024
    events: int = 10_000


class Cut(NamedTuple):
    """The events of a body; ``several`` if it was a batch, be it of one."""

    events: Sequence[bytes]
    several: bool


async def read_body(chunks: AsyncIterator[bytes], declared: str | None, most: int) -> bytes:
    """The whole body, or ``ProblemError`` 413 without reading on once it is above ``most`` bytes.

    ``declared`` is the Content-Length header, if there is one.
    """
    if declared is not None and declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def media_type(headers: Mapping[str, str]) -> str:
    """The media type in small letters; ``ProblemError`` 415 for an encoding that is not read."""
    value, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].split(";")[0].strip(" \"'").lower()
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise ProblemError(415, "unsupported_media_type", f"charset {charset}: send UTF-8")
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise ProblemError(
            415, "unsupported_media_type", f"Content-Encoding {encoding}: send the body as it is"
        )
    return value.strip().lower()


def cut(body: bytes, kind: str, most_events: int) -> Cut | Invalid:
    """Cut a body in structured mode into events.

    ``kind`` is its media type. What begins with ``{`` or ``[`` is taken for JSON whatever it is
    called, because ``curl -d`` calls everything a form. Raises ``ProblemError`` 415 for what is
    neither, 413 if there are more than ``most_events``.
    """
    body = body.removeprefix(_BOM).strip(_SPACE)
    if not body:
        return Invalid(Reason.EMPTY, "the request has no body")
    if kind in (LINES, "application/ndjson", "application/jsonl"):
        if body.count(b"\n") >= most_events:
            raise _too_many(most_events)
        lines = (line.strip(_SPACE) for line in body.split(b"\n"))
        return Cut([line for line in lines if line], True)
    if body[:1] not in (b"{", b"[") and kind not in KNOWN:
        raise ProblemError(
            415,
            "unsupported_media_type",
            f"Content-Type {kind or '(none)'}: send one of {', '.join(KNOWN)}",
        )
    if body[:1] != b"[":
        if kind == BATCH:
            return Invalid(Reason.BROKEN_JSON, f"a body of type {BATCH} must be a JSON array")
        return Cut([body], False)
    events = _cut_array(body)
    if isinstance(events, Invalid):
        return events
    if len(events) > most_events:
        raise _too_many(most_events)
    return Cut(events, True)


def binary_mode(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes | Invalid | None:
    """The structured form of an event whose attributes are ``ce-`` headers; ``None`` if none is.

    CloudEvents HTTP binding 1.0: header values are percent-encoded.
    """
    attributes = [
        ("ce_" + name[3:].decode("latin-1"), unquote_to_bytes(value))
        for name, value in headers
        if name.startswith(b"ce-")
    ]
    if not attributes:
        return None
    try:
        event = from_binary_mode(body or b"{}", attributes)
    except ValueError as error:
        reason = Reason.TOO_DEEP if "recursion limit" in str(error) else Reason.BROKEN_JSON
        return Invalid(reason, f"data: {error}")
    # Without a type it is no event in binary mode: read as it is, the answer says what is missing.
    return body if event is None else event


def _cut_array(body: bytes) -> Sequence[bytes] | Invalid:
    try:
        return [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except RecursionError:
        return _too_deep()
    except msgspec.DecodeError:
        # It may be one event of many that holds NaN: cut more leniently, to name that event.
        return _cut_leniently(body)


def _cut_leniently(body: bytes) -> Sequence[bytes] | Invalid:
    """As ``_cut_array``, but NaN and Infinity do not spoil the whole; some ten times slower."""
    try:
        text = body.decode()
        # Numbers are not made: only where a value ends is of interest.
        decoder = json.JSONDecoder(parse_int=len, parse_float=len)
        events, place = [], _skip(text, 1)
        while text[place : place + 1] != "]":
            _, end = decoder.raw_decode(text, place)
            events.append(text[place:end].encode())
            place = _skip(text, end)
            follows = text[place : place + 1]
            if follows == ",":
                place = _skip(text, place + 1)
            if (follows == ",") == (text[place : place + 1] == "]"):
                return _broken(f"a comma too many or too few at character {place}")
        if place + 1 != len(text):
            return _broken(f"something follows the array at character {place + 1}")
    except RecursionError:
        return _too_deep()
    except ValueError as error:
        return _broken(str(error))
    return events


def _skip(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\r", "\n"):
        place += 1
    return place


def _broken(what: str) -> Invalid:
    return Invalid(Reason.BROKEN_JSON, f"not JSON: {what}")


def _too_deep() -> Invalid:
    return Invalid(Reason.TOO_DEEP, "nested too deeply")


def _too_large(most: int) -> ProblemError:
    return ProblemError(413, Reason.TOO_LARGE, f"at most {most} bytes are allowed in a request")


def _too_many(most: int) -> ProblemError:
    return ProblemError(413, Reason.TOO_LARGE, f"at most {most} events are allowed in a request")
