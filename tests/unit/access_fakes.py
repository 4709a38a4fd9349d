"""Keys, sessions and the audit log in memory, and access on them with clocks set by hand."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from pipeline.adapters.http.access import Access
from pipeline.adapters.http.keys import KeyRing, make_key
from pipeline.adapters.http.masking import Masker
from pipeline.adapters.http.rates import Rates, RateSettings
from pipeline.adapters.http.sessions import Sessions
from schemas.access import AuditEntry, HeldKey, Key, Scope, Session

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


class Clock:
    """Both clocks of access control, moved by ``pass_``."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        return self.time.timestamp()

    def pass_(self, **how_long: float) -> None:
        self.time += timedelta(**how_long)


class MemoryAccessStore:
    """Dictionaries; ``asked`` counts how often a key was looked for."""

    def __init__(self) -> None:
        self.held: dict[str, HeldKey] = {}
        self.sessions: dict[bytes, Session] = {}
        self.secrets: dict[str, bytes] = {}
        self.asked = 0

    def add_key(self, held: HeldKey) -> None:
        if held.key.id in self.held:
            raise ValueError(f"there is a key {held.key.id} already")
        self.held[held.key.id] = held

    def add_first_key(self, held: HeldKey) -> bool:
        if self.held:
            return False
        self.add_key(held)
        return True

    def key(self, key_id: str) -> HeldKey | None:
        self.asked += 1
        return self.held.get(key_id)

    def all_keys(self) -> Sequence[Key]:
        return sorted((each.key for each in self.held.values()), key=lambda key: key.created)

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        held = self.held.get(key_id)
        if held is None or held.key.revoked is not None:
            return False
        self.held[key_id] = held._replace(key=msgspec.structs.replace(held.key, revoked=at))
        return True

    def key_used(self, key_id: str, at: datetime) -> None:
        held = self.held[key_id]
        self.held[key_id] = held._replace(key=msgspec.structs.replace(held.key, last_used=at))

    def add_session(self, session: Session) -> None:
        kept = self.sessions.items()
        self.sessions = {name: each for name, each in kept if each.expires > session.created}
        self.sessions[session.digest] = session

    def session(self, digest: bytes) -> Session | None:
        return self.sessions.get(digest)

    def prolong_session(self, digest: bytes, expires: datetime) -> None:
        self.sessions[digest] = msgspec.structs.replace(self.sessions[digest], expires=expires)

    def end_session(self, digest: bytes) -> None:
        self.sessions.pop(digest, None)

    def secret(self, name: str) -> bytes:
        return self.secrets.setdefault(name, secrets.token_bytes(32))


class MemoryAuditPage(NamedTuple):
    items: Sequence[AuditEntry]
    next: str | None


class MemoryAudit:
    """A list, the newest last."""

    def __init__(self, at: datetime = START) -> None:
        self.rows: list[AuditEntry] = []
        self._at = at

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
        self.rows.append(
            AuditEntry(
                seq=len(self.rows) + 1,
                at=self._at,
                who=who,
                how=how,
                action=action,
                target=target,
                reason=reason,
                detail=dict(detail or {}),
                outcome=outcome,
            )
        )

    def entries(
        self,
        limit: int,
        *,
        who: str | None = None,
        target: str | None = None,
        before: str | None = None,
    ) -> MemoryAuditPage:
        if before is not None and not (before.isascii() and before.isdigit() and len(before) < 20):
            raise ValueError("before: not a cursor")
        found = [
            row
            for row in reversed(self.rows)
            if who in (None, row.who)
            and target in (None, row.target)
            and (before is None or row.seq < int(before))
        ]
        more = len(found) > limit
        return MemoryAuditPage(found[:limit], str(found[limit - 1].seq) if more else None)


class Gate:
    """Access in memory, with its parts at hand."""

    def __init__(
        self,
        *,
        local: bool = False,
        environment: str | None = None,
        rates: RateSettings = RateSettings(read=None, login=None),  # noqa: B008 - frozen
        public_url: str | None = None,
    ) -> None:
        self.clock = Clock()
        self.store = MemoryAccessStore()
        self.audit = MemoryAudit()
        self.keys = KeyRing(
            self.store,
            now=self.clock.now,
            environment=environment,
            monotonic=self.clock.seconds,
        )
        self.sessions = Sessions(
            self.store, self.keys, now=self.clock.now, monotonic=self.clock.seconds
        )
        self.access = Access(
            local=local,
            store=self.store,
            keys=self.keys,
            sessions=self.sessions,
            audit=self.audit,
            masker=Masker(self.store.secret("pseudonyms")),
            rates=Rates(rates),
            public_url=public_url,
        )

    def make_key(self, *scopes: Scope, days: float | None = None, name: str = "ann") -> str:
        """The text of a new key with these scopes."""
        now = self.clock.now()
        expires = None if days is None else now + timedelta(days=days)
        made = make_key(name, scopes, now=now, expires=expires)
        self.store.add_key(made.held)
        return made.text


def make_access(*, local: bool = False, environment: str | None = None) -> Access:
    """Access without anything to look into."""
    return Gate(local=local, environment=environment).access
