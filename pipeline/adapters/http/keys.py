"""Keys: how one is made and read, and which of them open the door now."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

from sqlalchemy.exc import OperationalError

from pipeline.adapters.http.access_ports import KeyStore
from pipeline.adapters.http.who import Who, implied
from schemas.access import HeldKey, Key, Scope

log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 2.0
"""How long what was found is not asked for again. A session may rest on a key as old as that: a
revoke works within twice the time, which is to stay below five seconds."""

USE_EVERY: Final = timedelta(minutes=10)
"""``last_used`` is written no more often: a write a request would cost more than the request."""

_MOST_KEPT: Final = 10_000
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(r"tp_([0-9a-f]{10})_([A-Za-z0-9_-]{43})")


class NewKey(NamedTuple):
    """A key just made: ``text`` is shown once, ``held`` is what is stored."""

    text: str
    held: HeldKey


def make_key(
    name: str, scopes: Sequence[Scope], *, now: datetime, expires: datetime | None = None
) -> NewKey:
    """A new random key. ``ValueError`` without a name or a scope."""
    if not name.strip() or not scopes:
        raise ValueError("a key needs a name and at least one scope")
    key_id = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    kept = tuple(dict.fromkeys(scopes))
    key = Key(id=key_id, name=name.strip(), scopes=kept, created=now, expires=expires)
    return NewKey(f"tp_{key_id}_{secret}", HeldKey(key, _digest(secret)))


def key_id_of(text: str) -> str | None:
    """The id of a key, which is no secret; ``None`` if the text has not the form of one."""
    match = _TEXT.fullmatch(text)
    return match[1] if match else None


def _digest(secret: str) -> bytes:
    # No slow hash: it protects what people choose. 256 random bits are guessed by nobody, and a
    # slow hash would only be paid for with each request.
    return sha256(secret.encode()).digest()


class KeyRing:
    """The keys of ``store``, and the one of the environment, which is an admin's.

    ``now`` is the clock of expiry, ``monotonic`` (seconds) that of the short memory for keys that
    were found. Keys that were not found are asked for again each time.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        now: Callable[[], datetime],
        environment: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._environment = None if environment is None else sha256(environment.encode()).digest()
        self._kept: dict[str, tuple[HeldKey, float]] = {}

    def remembered(self, text: str) -> Who | None:
        """Whose key this is, if that is known without asking the store: never blocks."""
        if self._is_environment(text):
            return self._environment_who()
        match = _TEXT.fullmatch(text)
        kept = self._kept.get(match[1]) if match else None
        if match is None or kept is None or kept[1] <= self._monotonic():
            return None
        return self._opened(kept[0], match[2])

    def find(self, text: str) -> Who | None:
        """Whose key this is, asking the store; ``None`` if it opens nothing."""
        if self._is_environment(text):
            return self._environment_who()
        match = _TEXT.fullmatch(text)
        held = self._load(match[1]) if match else None
        if match is None or held is None:
            return None
        who = self._opened(held, match[2])
        if who is not None:
            self._note_use(held.key)
        return who

    def standing(self, source: str) -> frozenset[Scope] | None:
        """What the key that a session stands on allows now; ``None`` if it opens nothing."""
        kind, _, name = source.partition(":")
        if kind == "environment":
            return implied(("admin",)) if source == self._environment_source() else None
        kept = self._kept.get(name)
        held = kept[0] if kept and kept[1] > self._monotonic() else self._load(name)
        if held is None or not held.key.stands(self._now()):
            return None
        return implied(held.key.scopes)

    def forget(self, key_id: str) -> None:
        """Ask the store at the next use, as after a revoke in this process."""
        self._kept.pop(key_id, None)

    def _load(self, key_id: str) -> HeldKey | None:
        held = self._store.key(key_id)
        if held is None:
            self._kept.pop(key_id, None)
        else:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key_id] = (held, self._monotonic() + KEEP_SECONDS)
        return held

    def _opened(self, held: HeldKey, secret: str) -> Who | None:
        right = compare_digest(held.digest, _digest(secret))
        if not right or not held.key.stands(self._now()):
            return None
        key = held.key
        return Who(name=key.name, id=f"key:{key.id}", scopes=implied(key.scopes), how="key")

    def _note_use(self, key: Key) -> None:
        now = self._now()
        if key.last_used is not None and now - key.last_used < USE_EVERY:
            return
        try:
            self._store.key_used(key.id, now)
        except OperationalError as error:  # nobody is turned away for a note
            log.warning("the use of key %s was not noted: %s", key.id, error.orig)

    def _is_environment(self, text: str) -> bool:
        given = sha256(text.encode()).digest()  # of one length, whatever was sent
        return self._environment is not None and compare_digest(given, self._environment)

    def _environment_source(self) -> str | None:
        # A part of the digest: when the key is exchanged, sessions that stood on it fall.
        return None if self._environment is None else f"environment:{self._environment.hex()[:16]}"

    def _environment_who(self) -> Who:
        source = self._environment_source() or ""
        scopes = implied(("admin",))
        return Who(name="environment", id=source, scopes=scopes, how="environment")
