"""What access control needs from behind it: where keys, sessions and the audit log are kept.

Methods block; the edge calls them in a thread pool.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from schemas.access import AuditEntry, HeldKey, Key, Session


class KeyStore(Protocol):
    """Keys, without their secrets."""

    def add_key(self, held: HeldKey) -> None:
        """Store a new key. ``ValueError`` if its id is taken."""
        ...

    def add_first_key(self, held: HeldKey) -> bool:
        """Store it if there is no key at all, not even a revoked one; whether it was stored."""
        ...

    def key(self, key_id: str) -> HeldKey | None:
        """The key of this id, whether it stands or not."""
        ...

    def all_keys(self) -> Sequence[Key]:
        """All keys, the oldest first."""
        ...

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Whether there was such a key that was not revoked yet; it opens nothing from now on."""
        ...

    def key_used(self, key_id: str, at: datetime) -> None:
        """Note when it was last used; told at most every few minutes."""
        ...


class SessionStore(Protocol):
    """Who is logged in, without the ids in their cookies."""

    def add_session(self, session: Session) -> None:
        """Store a session, and forget those that had expired when it was made."""
        ...

    def session(self, digest: bytes) -> Session | None:
        """The session with this digest, expired or not."""
        ...

    def prolong_session(self, digest: bytes, expires: datetime) -> None:
        """Let it last longer."""
        ...

    def end_session(self, digest: bytes) -> None:
        """Forget it; nothing happens if there is none."""
        ...


class AccessStore(KeyStore, SessionStore, Protocol):
    """All that access control keeps."""

    def secret(self, name: str) -> bytes:
        """32 random bytes of this name, made when first asked for, then the same for all."""
        ...


class AuditEntries(Protocol):
    """Entries, newest first, and the cursor of the next page; ``None`` if this was the last."""

    @property
    def items(self) -> Sequence[AuditEntry]: ...
    @property
    def next(self) -> str | None: ...


class AuditNotes(Protocol):
    """Where it is noted who did what. Methods block."""

    def note(
        self,
        action: str,
        *,
        who: str,
        how: str,
        target: str = "",
        reason: str = "",
        detail: Mapping[str, object] | None = None,
        outcome: str = "done",
    ) -> None:
        """Write a row; returns when it is durable. See ``AuditEntry``; no secrets in ``detail``.

        ``action`` names what was done as ``thing.verb``: ``key.revoke``, ``action.hold``.
        """
        ...


class Audit(AuditNotes, Protocol):
    """Who did what; rows are added and read, never changed."""

    def entries(
        self,
        limit: int,
        *,
        who: str | None = None,
        target: str | None = None,
        before: str | None = None,
    ) -> AuditEntries:
        """Newest first, of one ``who`` or ``target`` if given. ``ValueError`` for a bad cursor."""
        ...
