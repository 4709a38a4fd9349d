"""Every kind of record that cannot be processed, and the reason it must be refused for."""

import json
from typing import Any, NamedTuple

from schemas.dead_letter import Reason
from tests.unit.events import event, event_bytes

CUSTOMER = "customer-1"
_KEY = CUSTOMER.encode()
_TRANSACTION = "touchpoint.transaction.completed.v1"
_SEANCE = {"touchpoint": "seance", "measures": {"attitude": 2}}
_DATA = b'{"amount": 12.5, "currency": "EUR"}'

Headers = tuple[tuple[str, bytes], ...]


class Sent(NamedTuple):
    """A record as a publisher sends it."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Bad(NamedTuple):
    """A record, and the reason in its dead letter; ``large`` ones are megabytes."""

    sent: Sent
    reason: Reason
    large: bool = False


def _with(**changes: Any) -> Sent:
    return Sent(_KEY, event_bytes(_TRANSACTION, **changes))


def _amount(literal: bytes) -> Sent:
    """A transaction whose amount is ``literal``, which need not be JSON."""
    return Sent(_KEY, event_bytes(_TRANSACTION).replace(b"12.5", literal))


def _binary(value: bytes | None = _DATA, **changes: bytes | None) -> Sent:
    """A transaction in binary mode; ``changes`` replace attributes, ``None`` removes one."""
    attributes = {k: str(v).encode() for k, v in event(_TRANSACTION).items() if k != "data"}
    merged: dict[str, bytes | None] = {**attributes, **changes}
    headers = tuple((f"ce_{k}", v) for k, v in merged.items() if v is not None)
    return Sent(_KEY, value, headers)


def _megabytes(count: int) -> Sent:
    text = "x" * (count * 1_000_000)
    return Sent(_KEY, json.dumps(event(_TRANSACTION, comment=text)).encode())


BAD_INPUTS: dict[str, Bad] = {
    "broken-json": Bad(Sent(_KEY, b'{"id": "e-1", '), Reason.BROKEN_JSON),
    "not-utf8": Bad(_amount(b'"\xff\xfe"'), Reason.BROKEN_JSON),
    "not-an-object": Bad(Sent(_KEY, b"[1, 2]"), Reason.INVALID_FIELD),
    "null-value": Bad(Sent(_KEY, None), Reason.EMPTY),
    "empty-value": Bad(Sent(_KEY, b""), Reason.EMPTY),
    "no-type": Bad(_with(type=None), Reason.UNKNOWN_TYPE),
    "unknown-type": Bad(_with(type="touchpoint.seance.held.v1"), Reason.UNKNOWN_TYPE),
    "unknown-version": Bad(
        _with(type="touchpoint.transaction.completed.v99"), Reason.UNKNOWN_VERSION
    ),
    "wrong-field-type": Bad(_amount(b'"12.5"'), Reason.INVALID_FIELD),
    "missing-field": Bad(_with(data={"amount": 3.0}), Reason.INVALID_FIELD),
    "nan": Bad(_amount(b"NaN"), Reason.INVALID_FIELD),
    "infinity": Bad(_amount(b"Infinity"), Reason.INVALID_FIELD),
    "infinite-number": Bad(_amount(b"1e999"), Reason.INVALID_FIELD),
    "endless-number": Bad(_amount(b"9" * 5_000), Reason.BROKEN_JSON),
    "far-future": Bad(_with(time="2300-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE),
    "ahead-of-arrival": Bad(_with(time="2099-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE),
    "far-past": Bad(_with(time="1900-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE),
    "no-time-zone": Bad(_with(time="2026-01-01T00:00:00"), Reason.INVALID_FIELD),
    "missing-customer": Bad(_with(subject=None), Reason.MISSING_CUSTOMER),
    "anonymous-customer": Bad(_with(anonymous=True), Reason.INVALID_FIELD),
    "reserved-customer": Bad(
        Sent(b"\x00position", event_bytes(_TRANSACTION, subject="\x00position")),
        Reason.INVALID_FIELD,
    ),
    "other-key": Bad(Sent(b"customer-2", event_bytes(_TRANSACTION)), Reason.KEY_MISMATCH),
    "no-key": Bad(Sent(None, event_bytes(_TRANSACTION)), Reason.KEY_MISMATCH),
    "key-not-utf8": Bad(Sent(b"\xff\xfe", event_bytes(_TRANSACTION)), Reason.KEY_MISMATCH),
    "unknown-touchpoint": Bad(
        Sent(_KEY, event_bytes("touchpoint.observed.v1", data=_SEANCE)),
        Reason.UNKNOWN_TOUCHPOINT,
    ),
    "deeply-nested": Bad(_amount(b"[" * 5_000 + b"]" * 5_000), Reason.TOO_DEEP),
    "five-megabytes": Bad(_megabytes(5), Reason.TOO_LARGE, large=True),
    "five-megabytes-of-nothing": Bad(Sent(_KEY, bytes(5_000_000)), Reason.TOO_LARGE, large=True),
    "binary-broken-data": Bad(_binary(b"{"), Reason.BROKEN_JSON),
    "binary-no-value": Bad(_binary(None), Reason.BROKEN_JSON),
    "binary-unknown-type": Bad(_binary(type=b"touchpoint.seance.held.v1"), Reason.UNKNOWN_TYPE),
    "binary-no-type": Bad(_binary(type=None), Reason.UNKNOWN_TYPE),
    "binary-bad-header": Bad(_binary(id=b"\xff"), Reason.BROKEN_JSON),
    "binary-no-customer": Bad(_binary(subject=None), Reason.MISSING_CUSTOMER),
    "binary-far-future": Bad(_binary(time=b"2300-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE),
}
