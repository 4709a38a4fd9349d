"""Pseudonyms in place of customers' ids, for callers who may not see whom a row is about."""

import hmac
from base64 import b32encode
from collections.abc import Mapping
from contextvars import ContextVar
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.who import Who

CUSTOMER_FIELDS: Final = frozenset(("customer", "customers", "merged_into", "subject"))
"""Fields whose text, or list of texts, are customers' ids, in whatever row."""

EMPTIED_FIELDS: Final = frozenset(("fields",))
"""What fills the template of a message: its values may name anybody, so none is shown."""

_BYTES: Final = 8  # 64 bits: among ten million customers two alike are one in 400,000


class Masker:
    """Makes pseudonyms with ``key``, which never leaves the store: without it nobody can try ids
    until one gives a pseudonym that was seen."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def pseudonym(self, customer: str) -> str:
        """``~`` and 13 letters and digits, always the same for a customer."""
        digest = hmac.digest(self._key, customer.encode("utf-8", "surrogatepass"), sha256)
        return "~" + b32encode(digest[:_BYTES]).decode().rstrip("=").lower()

    def mask(self, item: object, who: Who) -> object:
        """``item`` as ``who`` may see it: a row, a page of rows, or anything that is encoded to
        JSON. Nothing changes for callers with ``identify``."""
        if who.may("identify"):
            return item
        return self._masked(msgspec.to_builtins(item, str_keys=True))

    def _masked(self, value: object) -> object:
        if isinstance(value, Mapping):
            return {name: self._field(name, each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(each) for each in value]
        return value

    def _field(self, name: object, value: object) -> object:
        if name in CUSTOMER_FIELDS:
            if isinstance(value, str):
                return self.pseudonym(value)
            if isinstance(value, list | tuple):
                return [
                    self.pseudonym(each) if isinstance(each, str) else self._masked(each)
                    for each in value
                ]
        if name in EMPTIED_FIELDS and isinstance(value, Mapping):
            return {}
        return self._masked(value)


class Viewer(NamedTuple):
    """Who is answered at the moment, and what makes the pseudonyms."""

    who: Who
    masker: Masker


VIEWER: Final[ContextVar[Viewer]] = ContextVar("viewer")
"""Set at the edge for each request, so that no answer can forget to ask for it."""


def as_seen(value: object) -> object:
    """``value`` as whoever is answered may see it."""
    viewer = VIEWER.get()
    return viewer.masker.mask(value, viewer.who)


def check_may_ask_for(customer: str | None) -> None:
    """Who sees pseudonyms only may not ask for one customer's rows: that would tell whose they
    are. Raises ``ProblemError`` with 403."""
    if customer is not None and not VIEWER.get().who.may("identify"):
        raise ProblemError(403, "insufficient_scope", "customer: needs the scope identify")
