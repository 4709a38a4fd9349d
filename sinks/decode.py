"""Turns the bytes of an outbound topic into its contract, or into the reason why not."""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from schemas.care import CampaignReport, CareAction, CareCase, CareDecision, CareOrder, Consent
from schemas.dead_letter import DeadLetter, FieldError
from schemas.outlook import OutlookCheck
from schemas.perception import Contribution, Score
from schemas.topics import (
    ACTION_DEAD_LETTERS,
    ACTIONS,
    CAMPAIGNS,
    CASES,
    CONSENTS,
    CONTRIBUTIONS,
    DEAD_LETTERS,
    DECISIONS,
    ORDERS,
    OUTLOOKS,
    PROPOSAL_DEAD_LETTERS,
    SCORES,
)
from sinks.ranges import MAX_ID_BYTES, Contract, fault_of

_MAX_DETAIL_CHARACTERS: Final = 500


class Refused(NamedTuple):
    """Why bytes are not what their topic promises: ``empty``, ``broken`` or ``out_of_range``."""

    reason: str
    detail: str


class Erased(NamedTuple):
    """A tombstone: what the compacted topic said of the customer is no longer held."""

    topic: str
    customer: str


def refused(reason: str, detail: str) -> Refused:
    """A refusal whose text any database can hold."""
    return Refused(reason, _printable(detail)[:_MAX_DETAIL_CHARACTERS])


def decode(topic: str, key: bytes | None, value: bytes | None) -> Contract | Erased | Refused:
    """What a record of ``topic`` (one of ``TOPICS``) says.

    Only scores and consents have tombstones: their topics are compacted, and an erased customer
    leaves a record without value. What no database could hold (NUL in a text, integers above 64
    bits, ids too long for an index, times without a zone) is refused here, so all sinks refuse
    the same.
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
    fault = fault_of(contract)
    return contract if fault is None else refused("out_of_range", fault)


def _erased(topic: str, key: bytes | None) -> Erased | Refused:
    if topic not in _COMPACTED or key is None:
        return refused("empty", "the record has no value")
    try:
        customer = key.decode()
    except UnicodeDecodeError as error:
        return refused("broken", f"the key of a tombstone is no UTF-8: {error}")
    if "\x00" in customer or len(key) > MAX_ID_BYTES:
        return refused("out_of_range", "the key of a tombstone is no customer id")
    return Erased(topic, customer)


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


_LETTER: Final = msgspec.json.Decoder(DeadLetter).decode

_COMPACTED: Final = (SCORES, CONSENTS)

_DECODERS: Final[dict[str, Callable[[bytes], Contract]]] = {
    SCORES: msgspec.json.Decoder(Score).decode,
    CONTRIBUTIONS: msgspec.json.Decoder(Contribution).decode,
    OUTLOOKS: msgspec.json.Decoder(OutlookCheck).decode,
    ACTIONS: msgspec.json.Decoder(CareAction).decode,
    DECISIONS: msgspec.json.Decoder(CareDecision).decode,
    CASES: msgspec.json.Decoder(CareCase).decode,
    CONSENTS: msgspec.json.Decoder(Consent).decode,
    ORDERS: msgspec.json.Decoder(CareOrder).decode,
    CAMPAIGNS: msgspec.json.Decoder(CampaignReport).decode,
    DEAD_LETTERS: _LETTER,
    PROPOSAL_DEAD_LETTERS: _LETTER,
    ACTION_DEAD_LETTERS: _LETTER,
}

TOPICS: Final = tuple(_DECODERS)
"""The topics that can be decoded."""
