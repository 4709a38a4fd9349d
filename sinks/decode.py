"""Turns the bytes of an outbound topic into its contract, or into the reason why not."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from schemas.care import CareAction, CareDecision
from schemas.dead_letter import DeadLetter, FieldError
from schemas.perception import Contribution, Score
from schemas.topics import ACTIONS, CONTRIBUTIONS, DEAD_LETTERS, DECISIONS, SCORES

Contract = Score | Contribution | CareAction | CareDecision | DeadLetter

# PostgreSQL refuses an index entry above 2,704 bytes, and an index holds an id or a customer with
# 16 bytes more. Ids of ours have 128 characters at most, 512 bytes.
MAX_ID_BYTES: Final = 2_000
# What a signed 64-bit column holds.
_INT_MAX: Final = 2**63 - 1
_MAX_DETAIL_CHARACTERS: Final = 500


class Refused(NamedTuple):
    """Why bytes are not what their topic promises: ``empty``, ``broken`` or ``out_of_range``."""

    reason: str
    detail: str


class Erased(NamedTuple):
    """A tombstone: the customer's score is no longer held."""

    customer: str


def refused(reason: str, detail: str) -> Refused:
    """A refusal whose text any database can hold."""
    return Refused(reason, _printable(detail)[:_MAX_DETAIL_CHARACTERS])


def decode(topic: str, key: bytes | None, value: bytes | None) -> Contract | Erased | Refused:
    """What a record of ``topic`` (one of ``TOPICS``) says.

    Only scores have tombstones: their topic is compacted, and an erased customer leaves a record
    without value. What no database could hold (NUL in a text, integers above 64 bits, ids too
    long for an index, times without a zone) is refused here, so all sinks refuse the same.
    """
    if value is None:
        return _erased(topic, key)
    try:
        contract = _DECODERS[topic](value)
    except msgspec.MsgspecError as error:
        return refused("broken", str(error))
    if b"\\u0000" in value:  # the only way JSON can write a NUL
        if isinstance(contract, DeadLetter):
            contract = _printable_letter(contract)
        elif _has_nul(msgspec.to_builtins(contract)):
            return refused("out_of_range", "a text holds the character NUL")
    fault = _fault(contract)
    return contract if fault is None else refused("out_of_range", fault)


def _erased(topic: str, key: bytes | None) -> Erased | Refused:
    if topic != SCORES or key is None:
        return refused("empty", "the record has no value")
    try:
        customer = key.decode()
    except UnicodeDecodeError as error:
        return refused("broken", f"the key of a tombstone is no UTF-8: {error}")
    if "\x00" in customer or len(key) > MAX_ID_BYTES:
        return refused("out_of_range", "the key of a tombstone is no customer id")
    return Erased(customer)


def _fault(contract: Contract) -> str | None:
    """What is out of the range that every database holds."""
    if isinstance(contract, Score):
        counts = (
            contract.events,
            contract.open_failures,
            contract.open_promises,
            contract.overdue_promises,
        )
        return _long(contract.customer) or _outside(contract.as_of) or _large(counts)
    if isinstance(contract, Contribution):
        customer = contract.customer
        return _outside(contract.time) or (None if customer is None else _long(customer))
    if isinstance(contract, DeadLetter):
        place = (contract.partition, contract.offset, contract.timestamp_ms, contract.attempts)
        return _large(place)
    return _long(contract.id) or _long(contract.customer) or _outside(contract.decided_at)


def _long(text: str) -> str | None:
    # The first test spares nearly all the second: a character is at most four bytes.
    if len(text) <= MAX_ID_BYTES // 4 or len(text.encode()) <= MAX_ID_BYTES:
        return None
    return f"an id of {len(text)} characters is too long"


def _outside(time: datetime) -> str | None:
    if time.tzinfo is UTC:
        return None
    if time.tzinfo is None:
        return f"the time {time.isoformat()} has no zone"
    try:
        time.astimezone(UTC)
    except OverflowError:
        return f"the time {time.isoformat()} does not exist in UTC"
    return None


def _large(integers: tuple[int, ...]) -> str | None:
    if all(-_INT_MAX <= integer <= _INT_MAX for integer in integers):
        return None
    return "an integer does not fit into 64 bits"


def _has_nul(tree: object) -> bool:
    if isinstance(tree, str):
        return "\x00" in tree
    if isinstance(tree, dict):
        return any(_has_nul(part) for pair in tree.items() for part in pair)
    if isinstance(tree, list | tuple):
        return any(_has_nul(part) for part in tree)
    return False


def _printable(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def _printable_letter(letter: DeadLetter) -> DeadLetter:
    """The letter with U+FFFD for NUL in its texts: they quote hostile input, and it must be shown.

    The original bytes stay as they are.
    """
    fields = tuple(FieldError(_printable(f.field), _printable(f.message)) for f in letter.fields)
    return msgspec.structs.replace(
        letter,
        topic=_printable(letter.topic),
        detail=_printable(letter.detail),
        fields=fields,
        headers=tuple((_printable(name), value) for name, value in letter.headers),
        component=_printable(letter.component),
        version=_printable(letter.version),
    )


_DECODERS: Final[dict[str, Callable[[bytes], Contract]]] = {
    SCORES: msgspec.json.Decoder(Score).decode,
    CONTRIBUTIONS: msgspec.json.Decoder(Contribution).decode,
    ACTIONS: msgspec.json.Decoder(CareAction).decode,
    DECISIONS: msgspec.json.Decoder(CareDecision).decode,
    DEAD_LETTERS: msgspec.json.Decoder(DeadLetter).decode,
}

TOPICS: Final = tuple(_DECODERS)
"""The topics that can be decoded."""
