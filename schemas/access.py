"""Who may do what, as it is kept and shown: keys, sessions, and the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

Scope = Literal["ingest", "read", "identify", "operate", "admin"]
"""What a caller may do: hand in events; read with identifiers masked; see identifiers and single
customers; act for them; manage keys and read the audit log."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. ``last_used`` is coarse: minutes, not seconds."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether it opens anything at ``now``."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class HeldKey(NamedTuple):
    """A key as it is stored: ``digest`` is the SHA-256 of its secret."""

    key: Key
    digest: bytes


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody logged in to the console.

    ``digest`` is the SHA-256 of the id in the cookie. ``source`` is what the session stands on:
    ``key:<id>``, ``environment:<fingerprint>``, ``oidc:<subject>``; when that falls, so does it.
    """

    digest: bytes
    name: str
    source: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody did, or tried to.

    ``how`` they came: ``local``, ``environment``, ``key``, ``session``, ``cli``, ``login``.
    ``target`` is what it was done to, ``reason`` why in their words, ``outcome`` ``done``,
    ``refused`` or ``failed``. No secret stands in it.
    """

    seq: int
    at: datetime
    who: str
    how: str
    action: str
    target: str
    reason: str
    detail: Mapping[str, Any]
    outcome: str
