"""The ways to a customer as bits of a number: channels, and what is no contact."""

from collections.abc import Iterable
from typing import Final, get_args

from schemas.care import ActionClass
from schemas.touchpoints.common import Channel

STAFF: Final = "staff"
"""A task of the company's own people."""

NONE: Final = "none"
"""Nothing is to reach anybody."""

CHANNELS: Final[tuple[str, ...]] = get_args(Channel)
CONTACTS: Final = (1 << len(CHANNELS)) - 1
"""The bits of all channels."""

_BITS: Final = {way: 1 << place for place, way in enumerate((*CHANNELS, STAFF))} | {NONE: 0}

CLASSES: Final[tuple[str, ...]] = get_args(ActionClass)
KINDS: Final = {name: place for place, name in enumerate(CLASSES)}
"""The number under which a state keeps an action's class."""


def mask_of(ways: Iterable[str]) -> int:
    """The bits of some ways; ``none`` has none, nor has one that is not known."""
    mask = 0
    for way in ways:
        mask |= _BITS.get(way, 0)
    return mask


def is_contact(way: str) -> bool:
    """Whether something reaches the customer this way."""
    return way not in (STAFF, NONE)
