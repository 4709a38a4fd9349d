"""What becomes of a record that cannot be processed: nothing of it is lost."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a record was refused; a metric label and the last part of a problem's type."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    BROKEN_JSON = "broken_json"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    INVALID_FIELD = "invalid_field"
    MISSING_CUSTOMER = "missing_customer"
    KEY_MISMATCH = "key_mismatch"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    UNKNOWN_TOUCHPOINT = "unknown_touchpoint"
    RESERVED_KEY = "reserved_key"
    OUTPUT_TOO_LARGE = "output_too_large"
    UNDELIVERABLE = "undeliverable"
    INTERNAL_ERROR = "internal_error"


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field: its path in the event (``data.amount``) and what is wrong with it."""

    field: str
    message: str


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A refused record: where it stood, its original bytes (base64), and why it was refused."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    reason: Reason
    detail: str
    fields: tuple[FieldError, ...]
    component: str
    version: str
    attempts: int = 1


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter as a store keeps it; ``redriven_at`` and ``_by`` once it was sent again."""

    id: int
    letter: DeadLetter
    redriven_at: datetime | None = None
    redriven_by: str | None = None
