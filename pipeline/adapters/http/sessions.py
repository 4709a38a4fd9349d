"""Sessions of the console: a random id in a cookie, its digest in the store."""

import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from pipeline.adapters.http.access_ports import SessionStore
from pipeline.adapters.http.keys import KEEP_SECONDS, KeyRing
from pipeline.adapters.http.who import Who, implied
from schemas.access import SCOPES, Scope, Session

LASTS: Final = timedelta(hours=12)
"""A working day; each use lets it begin anew."""

LONGEST: Final = timedelta(days=7)
"""However much it is used: by then whoever left the company or a group has to log in again."""

_PROLONG_EVERY: Final = timedelta(minutes=10)
_MOST_KEPT: Final = 10_000
_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name(*, secure: bool) -> str:
    """With https the prefix keeps other names of the same domain from setting it."""
    return "__Host-touchpoint" if secure else "touchpoint"


def csrf_token(session_id: str) -> str:
    """The session's token: made of the id, so nothing more is stored, and the id cannot be found
    from it."""
    digest = sha256(b"touchpoint csrf " + session_id.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def csrf_matches(who: Who, given: str | None) -> bool:
    """Whether ``given`` is the token of the caller's session."""
    if who.csrf is None or given is None:
        return False
    return compare_digest(who.csrf.encode(), given.encode())


class Sessions:
    """Who is logged in; methods block but for ``remembered``.

    A session that stands on a key falls with it, and may do what the key may now.
    """

    def __init__(
        self,
        store: SessionStore,
        keys: KeyRing,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = keys
        self._now = now
        self._monotonic = monotonic
        self._kept: dict[bytes, tuple[Who, float]] = {}

    def begin(self, name: str, source: str, scopes: Iterable[Scope]) -> str:
        """A new session and the id for its cookie. ``source`` is as ``Session`` has it."""
        session_id = secrets.token_urlsafe(32)
        now = self._now()
        named = implied(scopes)
        session = Session(
            digest=_digest(session_id),
            name=name,
            source=source,
            scopes=tuple(scope for scope in SCOPES if scope in named),
            created=now,
            expires=now + LASTS,
        )
        self._store.add_session(session)
        return session_id

    def remembered(self, session_id: str) -> Who | None:
        """Whose session this is, if that is known without asking the store."""
        kept = self._kept.get(_digest(session_id))
        return kept[0] if kept is not None and kept[1] > self._monotonic() else None

    def find(self, session_id: str) -> Who | None:
        """Whose session this is; ``None`` if it has ended. Its use lets it last longer."""
        if not _ID.fullmatch(session_id):
            return None
        digest = _digest(session_id)
        session, now = self._store.session(digest), self._now()
        scopes = None if session is None else self._scopes(session)
        if session is None or scopes is None or session.expires <= now:
            self._kept.pop(digest, None)
            return None
        until = min(now + LASTS, session.created + LONGEST)
        if until - session.expires >= _PROLONG_EVERY:
            self._store.prolong_session(digest, until)
        who = Who(
            name=session.name,
            id=f"session:{digest.hex()[:16]}",
            scopes=scopes,
            how="session",
            csrf=csrf_token(session_id),
        )
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[digest] = (who, self._monotonic() + KEEP_SECONDS)
        return who

    def end(self, session_id: str) -> None:
        """Nobody gets in with this id any more."""
        digest = _digest(session_id)
        self._store.end_session(digest)
        self._kept.pop(digest, None)

    def _scopes(self, session: Session) -> frozenset[Scope] | None:
        if session.source.startswith(("key:", "environment:")):
            return self._keys.standing(session.source)
        return implied(session.scopes)


def _digest(session_id: str) -> bytes:
    return sha256(session_id.encode()).digest()
